import math

import pytest
import torch

from drbn_lightning.metrics.psnr import EXACT, bounded_psnr, psnr


def test_psnr_is_per_image_and_in_decibels() -> None:
    target = torch.zeros(2, 3, 4, 4)
    result = torch.stack([torch.full((3, 4, 4), 51 / 255), torch.full((3, 4, 4), 102 / 255)])
    assert psnr(result, target).tolist() == pytest.approx([-20 * math.log10(0.2), -20 * math.log10(0.4)])


def test_psnr_rounds_to_8_bits_and_clips() -> None:
    target = torch.full((1, 3, 4, 4), 1.0)
    assert psnr(target + 0.3, target).item() == math.inf
    assert psnr(target - 0.4 / 255, target).item() == math.inf
    assert psnr(target - 0.6 / 255, target).item() == pytest.approx(20 * math.log10(255))


def test_an_exact_image_leaves_the_mean_of_a_training_finite() -> None:
    target = torch.rand(2, 3, 4, 4)
    result = torch.stack([target[0], target[1] * 0.5])
    bounded = bounded_psnr((result * 255).round() / 255, (target * 255).round() / 255)
    assert bounded[0] == EXACT
    assert bounded[1] < 30
