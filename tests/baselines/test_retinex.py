from collections.abc import Callable

import pytest
import torch
from kornia.filters import gaussian_blur2d
from torch import Tensor

from drbn_lightning.baselines.retinex import (
    _adjoint,
    _differences,
    _edge_weights,
    blurred,
    lime,
    multi_scale_retinex,
    smooth_illumination,
)


def images(height: int = 24, width: int = 31, count: int = 2) -> Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(0))


def scene(height: int = 96, width: int = 160) -> tuple[Tensor, Tensor]:
    """A textured reflectance, and an illumination of two parts with an edge between them."""
    reflectance = 0.8 + 0.2 * images(height, width, 1)
    illumination = torch.full((1, 1, height, width), 0.4)
    illumination[..., width // 2 :] = 0.08
    return reflectance, illumination


@pytest.mark.parametrize("deviation", [1.5, 2.5])
def test_the_blur_is_a_gaussian_with_mirrored_borders(deviation: float) -> None:
    image = images()
    pad = 11
    mirrored = torch.cat([image.flip(-1)[..., -pad:], image, image.flip(-1)[..., :pad]], dim=-1)
    mirrored = torch.cat([mirrored.flip(-2)[..., -pad:, :], mirrored, mirrored.flip(-2)[..., :pad, :]], dim=-2)
    expected = gaussian_blur2d(mirrored, (21, 21), (deviation, deviation))[..., pad:-pad, pad:-pad]
    (found,) = blurred(image, (deviation,))
    assert torch.allclose(found, expected, atol=1e-3)


def test_a_huge_blur_is_the_mean_and_a_tiny_one_the_image() -> None:
    image = images()
    tiny, huge = blurred(image, (0.01, 1000.0))
    assert torch.allclose(tiny, image, atol=1e-3)
    assert torch.allclose(huge, image.mean(dim=(2, 3), keepdim=True).expand_as(image), atol=1e-4)


def test_multi_scale_retinex_takes_an_illumination_away() -> None:
    reflectance, _ = scene(40, 400)
    low = torch.linspace(0.05, 0.5, 400) * reflectance
    before, after = (one[..., -100:].mean() / one[..., :100].mean() for one in (low, multi_scale_retinex(low)))
    assert before > 4
    assert after < 0.65 * before  # the logarithm and the stretch alone: 0.79


def test_multi_scale_retinex_stretches_each_colour_between_percentiles() -> None:
    found = multi_scale_retinex(0.1 * images())
    for colour in found.flatten(0, 1):
        assert 0.005 < (colour == 0).float().mean() < 0.02
        assert 0.005 < (colour == 1).float().mean() < 0.02


def test_lime_brightens_the_dark_part_most_and_keeps_the_edge() -> None:
    reflectance, illumination = scene()
    low = reflectance * illumination
    found = lime(low)
    gain = (found / low).mean(dim=1)[0]
    assert (gain > 1).all()
    assert gain[:, 100:140].mean() > 2.5 * gain[:, 20:60].mean()
    smooth = smooth_illumination(low.amax(dim=1, keepdim=True), 0.15, 40)[0, 0]
    assert smooth[:, 76].mean() > 3 * smooth[:, 84].mean()  # no halo beside the edge in the middle
    assert smooth[:, 10:70].std() < 0.3 * low.amax(dim=1)[0, :, 10:70].std()


def test_lime_with_gamma_1_makes_the_brightest_colours_nearly_white() -> None:
    reflectance, illumination = scene()
    whole, part = (lime(reflectance * illumination, gamma=gamma).amax(dim=1).mean() for gamma in (1.0, 0.8))
    assert whole > 0.85
    assert part < whole - 0.1


def test_the_solver_comes_near_the_least_value() -> None:
    first = (scene()[0] * scene()[1]).amax(dim=1, keepdim=True)
    weights = 0.15 * _edge_weights(first)

    def cost(image: Tensor) -> float:
        return ((image - first).square().sum() + (weights * _differences(image).abs()).sum()).item()

    found = smooth_illumination(first, 0.15, 40)
    assert cost(found) < 0.5 * cost(first)
    assert cost(found) < 0.5 * cost(first.mean().expand_as(first))
    generator = torch.Generator().manual_seed(1)
    for scale in (0.003, 0.03):
        noise = scale * torch.randn(first.shape, generator=generator)
        assert cost(found + noise) > cost(found)
        assert cost(found + blurred(noise, (3.0,))[0]) > cost(found)


def test_differences_and_their_transpose_belong_together() -> None:
    image, other = images()[:, :1].double(), images()[:, 1:].double()
    assert torch.allclose((_differences(image) * other).sum(), (image * _adjoint(other)).sum())


@pytest.mark.parametrize("method", [multi_scale_retinex, lime])
def test_images_of_a_batch_do_not_touch_each_other(method: Callable[[Tensor], Tensor]) -> None:
    low = 0.2 * images()
    assert torch.allclose(method(low)[1:], method(low[1:]), atol=1e-5)
