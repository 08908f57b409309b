import torch
from torch import Tensor

from drbn_lightning.baselines.fourier import blurred
from drbn_lightning.baselines.lime import _adjoint, _differences, _edge_weights, lime, smooth_illumination
from tests.baselines.given import images, scene


def test_lime_brightens_the_dark_part_most_and_keeps_the_edge() -> None:
    reflectance, illumination = scene()
    low = reflectance * illumination
    result = lime(low)
    gain = (result / low).mean(dim=1)[0]
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

    smoothed = smooth_illumination(first, 0.15, 40)
    assert cost(smoothed) < 0.5 * cost(first)
    assert cost(smoothed) < 0.5 * cost(first.mean().expand_as(first))
    generator = torch.Generator().manual_seed(1)
    for scale in (0.003, 0.03):
        noise = scale * torch.randn(first.shape, generator=generator)
        assert cost(smoothed + noise) > cost(smoothed)
        assert cost(smoothed + blurred(noise, (3.0,))[0]) > cost(smoothed)


def test_differences_and_their_transpose_belong_together() -> None:
    image, other = images()[:, :1].double(), images()[:, 1:].double()
    assert torch.allclose((_differences(image) * other).sum(), (image * _adjoint(other)).sum())
