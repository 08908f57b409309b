import math

import pytest
import torch
from torch import Tensor

from drbn_lightning.metrics.pixels import luminance, to_8_bit
from drbn_lightning.metrics.ssim import ssim
from drbn_lightning.metrics.ssim_gc import MAX_GAMMA, gamma_corrected, gamma_for_mean, ssim_gc


def images(count: int = 1, height: int = 20, width: int = 17, seed: int = 0) -> Tensor:
    smooth = torch.rand(count, 3, 4, 4, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(smooth, (height, width), mode="bicubic").clamp(0, 1)


@pytest.mark.parametrize("wanted", [0.05, 0.3, 0.5, 0.9])
def test_the_corrected_image_has_the_wanted_mean_luminance(wanted: float) -> None:
    image = 0.3 * images(2)
    corrected = gamma_corrected(image, torch.tensor([wanted, wanted / 2]))
    assert luminance(corrected).mean(dim=(1, 2, 3)).tolist() == pytest.approx([wanted, wanted / 2], abs=1e-5)


def test_finds_the_gamma_of_each_image_by_itself() -> None:
    image = to_8_bit(images(3))
    gammas = torch.tensor([0.3, 1.0, 2.5])
    wanted = luminance(image ** gammas[:, None, None, None]).mean(dim=(1, 2, 3))
    assert gamma_for_mean(image, wanted).tolist() == pytest.approx(gammas.tolist(), abs=1e-5)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_black_and_white_stay_as_they_are(value: float) -> None:
    image = torch.full((1, 3, 8, 8), value)
    assert gamma_for_mean(image, torch.tensor([0.4])).item() == 1
    assert torch.equal(gamma_corrected(image, torch.tensor([0.4])), image)


def test_a_constant_image_gets_the_wanted_value() -> None:
    corrected = gamma_corrected(torch.full((1, 3, 8, 8), 51 / 255), torch.tensor([0.6]))
    assert torch.allclose(corrected, torch.tensor(0.6), atol=1e-5)


@pytest.mark.parametrize(("wanted", "gamma"), [(0.0, MAX_GAMMA), (1.0, 1 / MAX_GAMMA)])
def test_a_mean_out_of_reach_ends_at_the_largest_and_smallest_gamma(wanted: float, gamma: float) -> None:
    assert gamma_for_mean(images(), torch.tensor([wanted])).item() == pytest.approx(gamma)


def test_takes_the_image_in_8_bits() -> None:
    image = images()
    noisy = to_8_bit(image) + 0.3 / 255
    assert torch.equal(gamma_for_mean(noisy, torch.tensor([0.3])), gamma_for_mean(image, torch.tensor([0.3])))


def test_ssim_gc_does_not_mind_a_gamma_but_mends_nothing_else() -> None:
    target = to_8_bit(0.2 + 0.7 * images(2))
    darker = target**2.2
    assert (ssim(darker, target) < 0.95).all()
    assert (ssim_gc(darker, target) > 0.995).all()
    assert (ssim_gc(darker.flip(-1), target) < 0.9).all()


def test_ssim_gc_is_the_ssim_at_the_best_gamma_by_search() -> None:
    target, result = to_8_bit(images(seed=1)), to_8_bit(0.3 * images(seed=2))
    means = {g: luminance(result**g).mean().item() for g in [0.001 * n for n in range(100, 3000)]}
    gamma = min(means, key=lambda g: abs(means[g] - luminance(target).mean().item()))
    assert ssim_gc(result, target).item() == pytest.approx(ssim(result**gamma, target).item(), abs=1e-3)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("other", [0.0, 0.5, 1.0])
def test_ssim_gc_of_constant_images_is_a_number(value: float, other: float) -> None:
    similarity = ssim_gc(torch.full((1, 3, 12, 12), value), torch.full((1, 3, 12, 12), other)).item()
    assert -1 <= similarity <= 1.0001


def test_ssim_gc_says_that_an_image_is_too_small() -> None:
    assert math.isnan(ssim_gc(torch.rand(1, 3, 5, 9), torch.rand(1, 3, 5, 9)).item())
    assert math.isnan(ssim_gc(torch.rand(1, 3, 0, 0), torch.rand(1, 3, 0, 0)).item())
