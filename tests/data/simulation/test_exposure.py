import numpy as np
import pytest
import torch
from kornia.color import linear_rgb_to_rgb, rgb_to_linear_rgb
from torch import Tensor

from drbn_lightning.data.crops import generator
from drbn_lightning.data.simulation.camera import LowLightCamera
from drbn_lightning.data.simulation.exposure import THUMBNAIL_SAMPLES, expose
from drbn_lightning.networks.first_guess import thumbnails_of

STOPS = 3.0


def plain_camera() -> LowLightCamera:
    """A camera that only takes light away: no noise, no cast, no contrast."""
    one, none = (1.0, 1.0), (0.0, 0.0)
    gains = {"red_gain": one, "blue_gain": one, "shot_noise": none, "read_noise": none, "crosstalk": none}
    return LowLightCamera(stops=(STOPS, STOPS), contrast=one, cast=0.0, black=none, sensor_bits=(16, 16), **gains)


def darkened(image: Tensor) -> Tensor:
    return linear_rgb_to_rgb(rgb_to_linear_rgb(image) * 2**-STOPS)


def image(height: int, width: int, seed: int = 0) -> Tensor:
    """An image whose mean differs from place to place, 8-bit values."""
    noise = torch.rand(3, height, width, generator=torch.Generator().manual_seed(seed))
    ramp = torch.linspace(0, 1, height)[:, None] * torch.linspace(0.2, 1, width)
    return ((noise * ramp) * 255).round() / 255


@pytest.mark.parametrize("crop_size", [None, 12])
def test_low_and_normal_are_of_one_place(crop_size: int | None) -> None:
    whole = image(30, 40)
    for seed in range(8):
        pair = expose(plain_camera(), whole, generator(seed), crop_size, "a")
        assert tuple(pair.low.shape) == tuple(pair.normal.shape) == ((3, 30, 40) if crop_size is None else (3, 12, 12))
        assert (pair.low - darkened(pair.normal)).abs().max() < 0.6 / 255
        assert pair.name == "a"


def test_a_whole_image_keeps_its_target_and_has_its_exact_mean() -> None:
    whole = image(30, 40)
    pair = expose(LowLightCamera(), whole, generator(0), None, "a")
    assert torch.equal(pair.normal, whole)
    assert torch.allclose(pair.thumbnail, thumbnails_of(pair.low[None])[0], atol=1e-6)
    assert torch.allclose(pair.normal_thumbnail, thumbnails_of(whole[None])[0], atol=1e-6)


def test_the_mean_beside_a_crop_is_that_of_the_whole() -> None:
    whole = image(30, 40)
    for seed in range(8):
        pair = expose(plain_camera(), whole, generator(seed), 8, "a")
        assert pair.thumbnail.mean().item() == pytest.approx(darkened(whole).mean().item(), abs=0.2 / 255)
    means = [expose(plain_camera(), whole, generator(seed), 8, "a").low.mean().item() for seed in range(8)]
    assert max(means) > 1.5 * min(means)  # the crops' own means would not do


def test_the_mean_of_a_large_image_is_estimated_closely() -> None:
    whole = image(3 * THUMBNAIL_SAMPLES, 4 * THUMBNAIL_SAMPLES)
    pair = expose(plain_camera(), whole, generator(0), 8, "a")
    assert pair.thumbnail.mean().item() == pytest.approx(darkened(whole).mean().item(), rel=0.02)


def test_noise_of_the_mean_is_that_of_the_same_shot() -> None:
    whole, camera = image(64, 64), LowLightCamera()
    for seed in range(5):
        pair = expose(camera, whole, generator(seed), 8, "a")
        shot = camera.draw(generator(seed))
        exposed = camera.expose(whole, shot, np.random.default_rng(99))
        assert pair.thumbnail.mean().item() == pytest.approx(exposed.mean().item(), rel=0.05, abs=0.5 / 255)


def test_bytes_and_display_values_are_the_same_image() -> None:
    whole = image(30, 40)
    first = expose(LowLightCamera(), whole, generator(3), 8, "a")
    second = expose(LowLightCamera(), (whole * 255).round().byte(), generator(3), 8, "a")
    assert all(torch.equal(one, other) for one, other in zip(first[:3], second[:3], strict=True))
    assert first.normal.dtype is second.normal.dtype is torch.float32
