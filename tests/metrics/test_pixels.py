import pytest
import torch

from drbn_lightning.metrics.gt_mean import gt_mean
from drbn_lightning.metrics.pixels import luminance, shaved
from drbn_lightning.metrics.psnr import psnr


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def test_luminance_weighs_the_colours() -> None:
    image = random(2, 3, 4, 5)
    expected = 0.299 * image[:, 0] + 0.587 * image[:, 1] + 0.114 * image[:, 2]
    assert luminance(image).shape == (2, 1, 4, 5)
    assert torch.allclose(luminance(image)[:, 0], expected, atol=1e-6)


def test_shaving_leaves_the_middle() -> None:
    image = random(2, 3, 9, 12)
    assert torch.equal(shaved(image, 0), image)
    assert torch.equal(shaved(image, 4), image[..., 4:5, 4:8])
    with pytest.raises(ValueError, match="-1"):
        shaved(image, -1)


def test_figures_of_what_was_shaved_away_are_not_numbers() -> None:
    nothing = shaved(random(2, 3, 20, 9), 10)
    assert nothing.numel() == 0
    assert psnr(nothing, nothing).isnan().tolist() == [True, True]
    assert gt_mean(nothing, nothing).shape == nothing.shape
