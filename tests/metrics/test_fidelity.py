import math

import pytest
import torch

from drbn_lightning.metrics.fidelity import psnr, ssim, to_8_bit


def test_psnr_is_per_picture_and_in_decibels() -> None:
    target = torch.zeros(2, 3, 4, 4)
    result = torch.stack([torch.full((3, 4, 4), 51 / 255), torch.full((3, 4, 4), 102 / 255)])
    assert psnr(result, target).tolist() == pytest.approx([-20 * math.log10(0.2), -20 * math.log10(0.4)])


def test_psnr_rounds_to_8_bits_and_clips() -> None:
    target = torch.full((1, 3, 4, 4), 1.0)
    assert psnr(target + 0.3, target).item() == math.inf
    assert psnr(target - 0.4 / 255, target).item() == math.inf
    assert psnr(target - 0.6 / 255, target).item() == pytest.approx(20 * math.log10(255))


def test_ssim_matches_a_plain_computation_with_reflected_borders() -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = to_8_bit(torch.rand(1, 3, 9, 13, generator=generator)), torch.rand(1, 3, 9, 13, generator=generator)
    y = 0.7 * x + 0.3 * y
    axis = torch.exp(-((torch.arange(11.0) - 5) ** 2) / (2 * 1.5**2))
    window = torch.outer(axis, axis) / axis.sum() ** 2

    def mean(picture: torch.Tensor) -> torch.Tensor:
        padded = torch.nn.functional.pad(picture, (5, 5, 5, 5), mode="reflect")
        return (padded.unfold(2, 11, 1).unfold(3, 11, 1) * window).sum(dim=(-2, -1))

    mx, my = mean(x), mean(y)
    vx, vy, cov = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    expected = ((2 * mx * my + 1e-4) * (2 * cov + 9e-4)) / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4))
    assert ssim(x, y).item() == pytest.approx(expected.mean().item(), rel=1e-4)


def test_ssim_is_per_picture() -> None:
    picture = torch.rand(2, 3, 16, 16)
    values = ssim(torch.stack([picture[0], 1 - picture[1]]), picture)
    assert values.shape == (2,)
    assert values[0] > 0.99 > values[1]


def test_ssim_says_that_a_picture_is_too_small() -> None:
    assert ssim(torch.rand(2, 3, 5, 40), torch.rand(2, 3, 5, 40)).isnan().tolist() == [True, True]
