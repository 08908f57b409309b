from collections.abc import Callable

import pytest
import torch

from drbn_lightning.metrics.pixels import luminance, to_8_bit
from drbn_lightning.metrics.ssim import ssim, ssim_gray


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def test_ssim_matches_a_plain_computation_with_reflected_borders() -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = to_8_bit(torch.rand(1, 3, 9, 13, generator=generator)), torch.rand(1, 3, 9, 13, generator=generator)
    y = 0.7 * x + 0.3 * y
    axis = torch.exp(-((torch.arange(11.0) - 5) ** 2) / (2 * 1.5**2))
    window = torch.outer(axis, axis) / axis.sum() ** 2

    def mean(image: torch.Tensor) -> torch.Tensor:
        padded = torch.nn.functional.pad(image, (5, 5, 5, 5), mode="reflect")
        return (padded.unfold(2, 11, 1).unfold(3, 11, 1) * window).sum(dim=(-2, -1))

    mx, my = mean(x), mean(y)
    vx, vy, cov = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    expected = ((2 * mx * my + 1e-4) * (2 * cov + 9e-4)) / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4))
    assert ssim(x, y).item() == pytest.approx(expected.mean().item(), rel=1e-4)


def test_ssim_is_per_image() -> None:
    image = torch.rand(2, 3, 16, 16)
    values = ssim(torch.stack([image[0], 1 - image[1]]), image)
    assert values.shape == (2,)
    assert values[0] > 0.99 > values[1]


def test_ssim_says_that_a_image_is_too_small() -> None:
    assert ssim(torch.rand(2, 3, 5, 40), torch.rand(2, 3, 5, 40)).isnan().tolist() == [True, True]


def test_gray_ssim_sees_only_the_luminance() -> None:
    target = random(2, 3, 16, 16)
    gray = luminance(target).expand(2, 3, 16, 16)
    assert (ssim_gray(gray, target) > 0.995).all()  # but for the rounding of the result
    assert (ssim(gray, target) < 0.9).all()
    assert ssim_gray(gray, 1 - gray).shape == (2,)
    assert (ssim_gray(gray, 1 - gray) < 0).all()


def test_gray_ssim_of_gray_images_is_their_ssim() -> None:
    first, second = (random(1, 1, 12, 14, seed=seed).expand(1, 3, 12, 14) for seed in (0, 1))
    second = (first + second) / 2
    assert ssim_gray(first, second).item() == pytest.approx(ssim(first, second).item(), abs=1e-5)


@pytest.mark.parametrize("metric", [ssim, ssim_gray])
@pytest.mark.parametrize("shape", [(5, 40), (1, 1), (0, 0)])
def test_every_ssim_says_that_a_image_is_too_small(
    metric: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], shape: tuple[int, int]
) -> None:
    assert metric(random(2, 3, *shape), random(2, 3, *shape)).isnan().tolist() == [True, True]


def test_ssim_is_the_same_inside_autocast() -> None:
    result, target = torch.rand(1, 3, 24, 24), torch.rand(1, 3, 24, 24)
    outside = ssim(result, target)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(ssim(result, target), outside)
