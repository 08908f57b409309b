import pytest
import torch
from kornia.filters import gaussian_blur2d

from drbn_lightning.baselines.fourier import blurred
from tests.baselines.given import images


@pytest.mark.parametrize("deviation", [1.5, 2.5])
def test_the_blur_is_a_gaussian_with_mirrored_borders(deviation: float) -> None:
    image = images()
    pad = 11
    mirrored = torch.cat([image.flip(-1)[..., -pad:], image, image.flip(-1)[..., :pad]], dim=-1)
    mirrored = torch.cat([mirrored.flip(-2)[..., -pad:, :], mirrored, mirrored.flip(-2)[..., :pad, :]], dim=-2)
    expected = gaussian_blur2d(mirrored, (21, 21), (deviation, deviation))[..., pad:-pad, pad:-pad]
    (result,) = blurred(image, (deviation,))
    assert torch.allclose(result, expected, atol=1e-3)


def test_a_huge_blur_is_the_mean_and_a_tiny_one_the_image() -> None:
    image = images()
    tiny, huge = blurred(image, (0.01, 1000.0))
    assert torch.allclose(tiny, image, atol=1e-3)
    assert torch.allclose(huge, image.mean(dim=(2, 3), keepdim=True).expand_as(image), atol=1e-4)
