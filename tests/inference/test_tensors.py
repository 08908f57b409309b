import pytest
import torch

from drbn_lightning.errors import DRBNError
from drbn_lightning.inference.tensors import enhanced_tensor
from tests.inference.test_array_types import negative


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("shape", [(3, 4, 5), (2, 3, 4, 5), (1, 3, 1, 1), (0, 3, 4, 5)])
def test_tensors_keep_shape_and_type(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    photo = torch.rand(shape, dtype=dtype, requires_grad=True)
    result = enhanced_tensor(photo, negative)
    assert (result.shape, result.dtype, result.requires_grad) == (photo.shape, dtype, False)
    assert torch.allclose(result.float(), 1 - photo.detach().float(), atol=4e-3)


@pytest.mark.parametrize(
    "photo", [torch.zeros(4, 5), torch.zeros(4, 5, 3), torch.zeros(3, 4, 5, dtype=torch.uint8), torch.zeros(1, 4, 5)]
)
def test_other_tensors_are_refused(photo: torch.Tensor) -> None:
    with pytest.raises(DRBNError, match=r"\(3, H, W\) .*\(N, 3, H, W\).*\[0, 1\]"):
        enhanced_tensor(photo, negative)


def test_a_tensor_out_of_range_is_refused() -> None:
    with pytest.raises(DRBNError, match=r"\[0, 1\]"):
        enhanced_tensor(torch.full((3, 2, 2), 255.0), negative)
