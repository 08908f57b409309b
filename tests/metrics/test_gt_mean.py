import math

import pytest
import torch
from torch import Tensor

from drbn_lightning.metrics.gt_mean import brightness_error, gt_mean, psnr_gt_luminance, psnr_gt_mean, ssim_gt_mean
from drbn_lightning.metrics.pixels import luminance, to_8_bit
from drbn_lightning.metrics.psnr import psnr
from drbn_lightning.metrics.ssim import ssim


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("of_luminance", [False, True])
def test_gt_mean_gives_each_result_its_targets_mean(of_luminance: bool) -> None:
    result, target = 0.2 * random(2, 3, 20, 20), 0.6 * random(2, 3, 20, 20, seed=1)
    scaled = gt_mean(result, target, of_luminance)
    means = [luminance(image) if of_luminance else image for image in (scaled, target)]
    assert torch.allclose(
        means[0].mean(dim=(1, 2, 3)), means[1].mean(dim=(1, 2, 3)), atol=1 / 255
    )  # rounding has a bias
    assert torch.equal(scaled, to_8_bit(scaled))


def test_the_means_of_gt_mean_differ_where_the_colours_do() -> None:
    result, target = torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4)
    result[:, 0], result[:, 1] = 51 / 255, 51 / 255
    target[:, 1] = 102 / 255
    assert gt_mean(result, target)[0, :, 0, 0].tolist() == pytest.approx([0.2, 0.2, 0])
    scaled = gt_mean(result, target, of_luminance=True)
    assert scaled[0, 0, 0, 0].item() == pytest.approx(0.2 * 2 * 0.587 / (0.299 + 0.587), abs=1 / 510)


def test_gt_mean_starts_from_the_8_bit_result_and_clips() -> None:
    result, target = random(1, 3, 9, 9), torch.ones(1, 3, 9, 9)
    assert torch.equal(gt_mean(result, target), gt_mean(to_8_bit(result), target))
    assert gt_mean(result, target).max() == 1
    assert torch.equal(gt_mean(10 * result, target), gt_mean((10 * result).clamp(0, 1), target))


def test_gt_mean_leaves_black_black() -> None:
    black = torch.zeros(1, 3, 4, 4)
    assert torch.equal(gt_mean(black, torch.ones(1, 3, 4, 4)), black)
    assert torch.equal(gt_mean(torch.ones(1, 3, 4, 4), black), black)


def pair() -> tuple[Tensor, Tensor]:
    result, target = torch.rand(2, 2, 3, 16, 18, generator=torch.Generator().manual_seed(0))
    return 0.4 * result, target


def test_gt_mean_variants_are_the_plain_ones_of_the_scaled_result() -> None:
    result, target = pair()
    assert torch.equal(psnr_gt_mean(result, target), psnr(gt_mean(result, target), target))
    assert torch.equal(ssim_gt_mean(result, target), ssim(gt_mean(result, target), target))
    by_luminance = psnr(gt_mean(result, target, of_luminance=True), target)
    assert torch.equal(psnr_gt_luminance(result, target), by_luminance)
    assert not torch.equal(by_luminance, psnr_gt_mean(result, target))


def test_brightness_error_is_of_the_whole_image_and_of_what_8_bits_hold() -> None:
    target = 0.3 + 0.2 * random(2, 3, 20, 20)
    for factor in (0.5, 0.9, 1.0, 1.2, 2.0):
        expected = torch.full((2,), abs(math.log(factor)))
        torch.testing.assert_close(brightness_error(factor * target, target), expected, atol=2e-3, rtol=0)
    shuffled = target.flatten(2).flip(-1).view_as(target)
    assert brightness_error(to_8_bit(shuffled), to_8_bit(target)).max() < 1e-6
    assert brightness_error(target + 5, target)[0].item() == pytest.approx(-math.log(target[0].mean().item()), abs=1e-3)
    assert brightness_error(torch.zeros_like(target), target).isinf().all()
