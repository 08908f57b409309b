import math
from collections.abc import Callable

import pytest
import torch

from drbn_lightning.metrics.fidelity import gt_mean, luminance, psnr, shaved, ssim, ssim_gray, to_8_bit


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


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def test_luminance_weighs_the_colours() -> None:
    picture = random(2, 3, 4, 5)
    expected = 0.299 * picture[:, 0] + 0.587 * picture[:, 1] + 0.114 * picture[:, 2]
    assert luminance(picture).shape == (2, 1, 4, 5)
    assert torch.allclose(luminance(picture)[:, 0], expected, atol=1e-6)


def test_gray_ssim_sees_only_the_luminance() -> None:
    target = random(2, 3, 16, 16)
    gray = luminance(target).expand(2, 3, 16, 16)
    assert (ssim_gray(gray, target) > 0.995).all()  # but for the rounding of the result
    assert (ssim(gray, target) < 0.9).all()
    assert ssim_gray(gray, 1 - gray).shape == (2,)
    assert (ssim_gray(gray, 1 - gray) < 0).all()


def test_gray_ssim_of_gray_pictures_is_their_ssim() -> None:
    first, second = (random(1, 1, 12, 14, seed=seed).expand(1, 3, 12, 14) for seed in (0, 1))
    second = (first + second) / 2
    assert ssim_gray(first, second).item() == pytest.approx(ssim(first, second).item(), abs=1e-5)


@pytest.mark.parametrize("measure", [ssim, ssim_gray])
@pytest.mark.parametrize("shape", [(5, 40), (1, 1), (0, 0)])
def test_every_ssim_says_that_a_picture_is_too_small(
    measure: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], shape: tuple[int, int]
) -> None:
    assert measure(random(2, 3, *shape), random(2, 3, *shape)).isnan().tolist() == [True, True]


@pytest.mark.parametrize("of_luminance", [False, True])
def test_gt_mean_gives_each_result_its_targets_mean(of_luminance: bool) -> None:
    result, target = 0.2 * random(2, 3, 20, 20), 0.6 * random(2, 3, 20, 20, seed=1)
    scaled = gt_mean(result, target, of_luminance)
    means = [luminance(picture) if of_luminance else picture for picture in (scaled, target)]
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


def test_shaving_leaves_the_middle() -> None:
    picture = random(2, 3, 9, 12)
    assert torch.equal(shaved(picture, 0), picture)
    assert torch.equal(shaved(picture, 4), picture[..., 4:5, 4:8])
    with pytest.raises(ValueError, match="-1"):
        shaved(picture, -1)


def test_figures_of_what_was_shaved_away_are_not_numbers() -> None:
    nothing = shaved(random(2, 3, 20, 9), 10)
    assert nothing.numel() == 0
    assert psnr(nothing, nothing).isnan().tolist() == [True, True]
    assert gt_mean(nothing, nothing).shape == nothing.shape


def test_ssim_is_the_same_inside_autocast() -> None:
    result, target = torch.rand(1, 3, 24, 24), torch.rand(1, 3, 24, 24)
    outside = ssim(result, target)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(ssim(result, target), outside)
