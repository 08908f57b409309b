from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from kornia.color import rgb_to_linear_rgb

from drbn_lightning.data.simulation.camera import Exposure, LowLightCamera

PLAIN = Exposure(
    exposure=1.0,
    contrast=1.0,
    cast=(1.0, 1.0, 1.0),
    sensor_gains=(1.0, 1.0, 1.0),
    shot_noise=0.0,
    read_noise=0.0,
    crosstalk=0.0,
    black=0.0,
    sensor_bits=16,
)


def image(height: int = 32, width: int = 48) -> torch.Tensor:
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(0))


def gray(level: float, size: int = 200) -> torch.Tensor:
    return torch.full((3, size, size), level)


def expose(scene: torch.Tensor, exposure: Exposure, seed: int = 0) -> torch.Tensor:
    return LowLightCamera().expose(scene, exposure, np.random.default_rng(seed))


def spread(scene: torch.Tensor) -> torch.Tensor:
    return rgb_to_linear_rgb(scene).flatten(1).std(1)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 9), (37, 41), (64, 64)])
def test_a_shot_is_an_eight_bit_image_of_the_same_size(height: int, width: int) -> None:
    rng = np.random.default_rng(0)
    camera = LowLightCamera()
    low = camera.expose(image(height, width), camera.draw(rng), rng)
    assert low.shape == (3, height, width)
    assert low.dtype == torch.float32
    assert 0 <= low.min() <= low.max() <= 1
    assert torch.equal(low, (low * 255).round() / 255)


def test_the_same_seed_gives_the_same_shot_and_another_seed_another_one() -> None:
    camera = LowLightCamera()
    shots = [camera.draw(np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert shots[0] == shots[1] != shots[2]
    assert torch.equal(expose(image(), shots[0], 5), expose(image(), shots[0], 5))
    assert not torch.equal(expose(image(), shots[0], 5), expose(image(), shots[0], 6))


def test_exposing_changes_neither_the_image_nor_draws_beyond_its_generator() -> None:
    scene, shot = image(), LowLightCamera().draw(np.random.default_rng(0))
    torch.manual_seed(0)
    first = expose(scene, shot)
    torch.manual_seed(1)
    assert torch.equal(expose(scene, shot), first)
    assert torch.equal(scene, image())


def test_draws_keep_to_their_ranges_and_vary() -> None:
    camera, rng = LowLightCamera(stops=(1, 3), black=(-0.1, 0.2), sensor_bits=(10, 12)), np.random.default_rng(0)
    shots = [camera.draw(rng) for _ in range(300)]
    assert (
        2**-3 <= min(shot.exposure for shot in shots) < 2**-2.7 < 2**-1.3 < max(shot.exposure for shot in shots) <= 0.5
    )
    assert -0.1 <= min(shot.black for shot in shots) < -0.05 < 0.15 < max(shot.black for shot in shots) <= 0.2
    assert {shot.sensor_bits for shot in shots} == {10, 11, 12}
    assert all(shot.cast[1] == shot.sensor_gains[1] == 1 for shot in shots)
    assert max(abs(np.log(shot.cast)).max() for shot in shots) <= camera.cast


def test_a_range_of_one_value_is_that_value() -> None:
    camera = LowLightCamera(stops=(0, 0), contrast=(1, 1), cast=0, shot_noise=(0, 0), sensor_bits=(16, 16))
    shot = camera.draw(np.random.default_rng(0))
    assert (shot.exposure, shot.contrast, shot.cast, shot.shot_noise) == (1, 1, (1, 1, 1), 0)
    assert shot.sensor_bits == 16


def test_the_darker_the_shot_the_stronger_its_cast_can_be() -> None:
    rng = np.random.default_rng(0)
    bright, dark = LowLightCamera(stops=(0, 7)), LowLightCamera(stops=(7, 7))
    length = {
        camera: float(np.mean([np.linalg.norm(np.log(camera.draw(rng).cast)) for _ in range(200)]))
        for camera in (bright, dark)
    }
    assert length[dark] > 2 * length[bright]


def test_without_noise_and_underexposure_the_camera_only_rounds() -> None:
    scene = image()
    assert (expose(scene, PLAIN) - scene).abs().max() < 0.6 / 255


def test_without_noise_the_camera_is_deterministic_and_invertible() -> None:
    scene = image() * 0.5 + 0.4
    shot = PLAIN._replace(exposure=0.25, contrast=1.5, cast=(1.2, 1.0, 0.8), sensor_gains=(2.0, 1.0, 1.5))
    low = expose(scene, shot, 0)
    assert torch.equal(low, expose(scene, shot, 1))
    light = rgb_to_linear_rgb(low) / (0.25 * torch.tensor(shot.cast).view(3, 1, 1))
    assert torch.allclose(light ** (1 / 1.5), rgb_to_linear_rgb(scene), atol=0.02)


@pytest.mark.parametrize(
    ("change", "brighter"),
    [({"exposure": 0.05}, False), ({"contrast": 1.5}, False), ({"contrast": 0.7}, True), ({"black": 0.01}, True)],
)
def test_each_setting_moves_the_brightness_its_way(change: dict[str, Any], brighter: bool) -> None:
    base = PLAIN._replace(exposure=0.1)
    before, after = expose(image(), base).mean(), expose(image(), base._replace(**change)).mean()
    assert (after > before + 1e-3) if brighter else (after < before - 1e-3)


def test_a_longer_exposure_is_brighter_everywhere() -> None:
    lows = [expose(image(), PLAIN._replace(exposure=2.0**-stops)) for stops in (6, 4, 2, 0)]
    assert all((longer >= shorter).all() for shorter, longer in pairwise(lows))
    assert all(longer.mean() > shorter.mean() for shorter, longer in pairwise(lows))


def test_noise_variance_is_that_of_the_sensor_and_grows_with_light() -> None:
    shot = PLAIN._replace(shot_noise=1e-3, read_noise=1e-2)
    for level in (0.4, 0.6, 0.8):
        light = rgb_to_linear_rgb(gray(level))[0, 0, 0]
        assert torch.allclose(spread(expose(gray(level), shot)), (1e-3 * light + 1e-4).sqrt(), rtol=0.03)


def test_development_gains_amplify_the_noise_but_not_the_light() -> None:
    shot = PLAIN._replace(read_noise=1e-2, sensor_gains=(3.0, 1.0, 2.0))
    low = expose(gray(0.7), shot)
    assert torch.allclose(spread(low) / spread(low)[1], torch.tensor(shot.sensor_gains), rtol=0.03)
    assert torch.allclose(low.mean((1, 2)), torch.tensor(0.7), atol=2e-3)


def test_noise_is_white_in_space_and_shared_between_colours_by_the_crosstalk() -> None:
    for crosstalk in (0.0, 0.3, 1.0):
        noise = expose(gray(0.6), PLAIN._replace(read_noise=2e-2, crosstalk=crosstalk))
        noise = noise - noise.mean((1, 2), keepdim=True)
        neighbours = (noise[..., 1:] * noise[..., :-1]).mean() / noise.var()
        shared = crosstalk * (2 - crosstalk) / 3
        expected = shared / (shared + (1 - crosstalk) ** 2)
        assert abs(neighbours) < 0.02
        assert torch.corrcoef(noise.flatten(1))[0, 1].item() == pytest.approx(expected, abs=0.02)


def test_few_sensor_bits_leave_few_levels() -> None:
    ramp = torch.linspace(0, 1, 500).expand(3, 1, 500)
    assert np.unique(expose(ramp, PLAIN._replace(sensor_bits=3))[0]).size == 9


def test_a_subsample_has_the_mean_of_the_whole() -> None:
    scene, shot = image(160, 160), LowLightCamera().draw(np.random.default_rng(0))
    whole, part = expose(scene, shot, 1), expose(scene[:, ::4, ::4], shot, 2)
    assert part.mean() == pytest.approx(whole.mean().item(), rel=0.1)


def test_default_shots_are_as_dark_as_those_of_lol() -> None:
    camera, rng = LowLightCamera(), np.random.default_rng(0)
    means = [float(camera.expose(image(), camera.draw(rng), rng).mean()) for _ in range(200)]
    assert 0.03 < np.median(means) < 0.08  # our485: 0.052 from targets of mean 0.45
    assert max(means) < 0.42


@pytest.mark.parametrize(
    "ranges",
    [
        {"stops": (-1.0, 3.0)},
        {"stops": (3.0, 1.0)},
        {"stops": (1.0, float("inf"))},
        {"contrast": (0.0, 1.0)},
        {"cast": -0.1},
        {"red_gain": (0.0, 1.0)},
        {"blue_gain": (float("nan"), 1.0)},
        {"shot_noise": (-1e-5, 1e-5)},
        {"read_noise": (-1e-5, 1e-5)},
        {"crosstalk": (0.0, 1.1)},
        {"black": (-2.0, 0.0)},
        {"sensor_bits": (0, 8)},
        {"sensor_bits": (8, 17)},
        {"sensor_bits": (8.5, 9)},
    ],
)
def test_nonsense_ranges_are_refused_by_name(ranges: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(ranges))):
        LowLightCamera(**ranges)


@pytest.mark.parametrize("shape", [(8, 8), (1, 8, 8), (1, 3, 8, 8)])
def test_only_single_colour_images_are_exposed(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="shape"):
        expose(torch.zeros(shape), PLAIN)
