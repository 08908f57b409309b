from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from drbn_lightning.bands import Bands
from drbn_lightning.inference.runtimes.torch import as_tensor, in_precision, torch_method
from drbn_lightning.metrics.psnr import psnr
from drbn_lightning.networks.drbn import DRBN
from drbn_lightning.networks.recomposition import BandRecomposition, FlatRecomposer
from tests.tensor_methods import tensors

CPU = torch.device("cpu")


class Mean(nn.Module):
    """A band network that shows which mean it is told, and its own number."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(1.0))

    def forward(self, low: Tensor, thumbnail: Tensor) -> Bands:
        full = self.gain * low + thumbnail.to(low)[:, None, None, None] + (1 if self.training else 0)
        return Bands(full, full, full)


def test_a_method_works_on_a_copy_in_evaluation_mode() -> None:
    network = Mean()
    method = torch_method(network, CPU, "bfloat16")
    network.gain.data.fill_(7)
    result = method(np.full((1, 3, 2, 2), 0.5, np.float32), np.array([0.25], np.float32))
    assert result.dtype == np.float32
    assert (result == 0.75).all()
    assert network.training
    assert network.gain.dtype == torch.float32


def networks() -> list[nn.Module]:
    torch.manual_seed(0)
    first = DRBN(recursions=2, base_channels=8, growth_rate=4)
    with torch.no_grad():
        for block in first.blocks:
            block.full_head[-1].bias.fill_(0.4)  # type: ignore[union-attr, index] # a module list knows modules only
    return [first, BandRecomposition(first, FlatRecomposer(channels=8, growth_rate=4))]


@pytest.mark.parametrize("network", networks(), ids=["band", "recompose"])
def test_bfloat16_is_near_float32(network: nn.Module) -> None:
    low, thumbnail = (
        torch.rand(1, 3, 37, 41, generator=torch.Generator().manual_seed(1)),
        torch.full((1, 3, 48, 48), 0.3),
    )
    exact = tensors(torch_method(network, CPU))(low, thumbnail)
    with torch.inference_mode():
        assert torch.allclose(exact, network.eval()(low, thumbnail).full, atol=1e-5)
    assert 0.05 < exact.mean() < 0.95  # neither black nor white, where every difference would be cut off
    assert psnr(tensors(torch_method(network, CPU, "bfloat16"))(low, thumbnail), exact.clamp(0, 1)).item() > 45


def test_a_learned_guess_stays_in_full_precision() -> None:
    torch.manual_seed(0)
    network = DRBN(recursions=1, base_channels=4, growth_rate=2, first_guess="learned")
    lower = in_precision(deepcopy(network), torch.bfloat16)
    kinds = {name: value.dtype for name, value in lower.named_parameters()}
    assert {kind for name, kind in kinds.items() if name.startswith("guess.")} == {torch.float32}
    assert {kind for name, kind in kinds.items() if not name.startswith("guess.")} == {torch.bfloat16}
    before = network.state_dict()
    for name, value in lower.state_dict().items():
        assert torch.equal(value, before[name]) == name.startswith("guess.") or not value.any()


class Failing(nn.Module):
    """Raises what it is given."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def forward(self, low: Tensor, thumbnail: Tensor) -> Bands:
        raise self.error


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("no"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"),
    ],
)
def test_too_little_memory_is_one_error(error: Exception) -> None:
    low = np.zeros((1, 3, 4, 4), np.float32)
    with pytest.raises(MemoryError):
        torch_method(Failing(error), CPU)(low, low)


def test_other_errors_are_not_hidden() -> None:
    low = np.zeros((1, 3, 4, 4), np.float32)
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        torch_method(Failing(RuntimeError("mat1 and mat2 shapes")), CPU)(low, low)


def test_arrays_of_any_strides_are_taken() -> None:
    image = np.random.default_rng(0).random((4, 5, 3), np.float32)
    channels_last = as_tensor(image.transpose(2, 0, 1)[None])
    assert channels_last.is_contiguous(memory_format=torch.channels_last)
    assert np.shares_memory(channels_last.numpy(), image)
    mirrored = image[:, ::-1]
    assert np.array_equal(as_tensor(mirrored).numpy(), mirrored)
