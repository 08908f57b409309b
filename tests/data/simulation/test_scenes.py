import numpy as np
import pytest
import torch

from drbn_lightning.data.simulation.scenes import scene
from drbn_lightning.data.simulation.textures import cloud, light, stripes


def draw(seed: int, height: int = 64, width: int = 64) -> torch.Tensor:
    return scene(np.random.default_rng(seed), height, width)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (8, 200), (37, 41), (97, 13), (128, 128)])
@pytest.mark.parametrize("seed", range(5))
def test_a_scene_of_any_size_is_an_image(height: int, width: int, seed: int) -> None:
    image = draw(seed, height, width)
    assert image.shape == (3, height, width)
    assert image.dtype == torch.float32
    assert image.isfinite().all()
    assert 0 <= image.min() <= image.max() <= 1
    assert image.is_contiguous()


def test_the_same_seed_gives_the_same_bits_and_another_seed_another_scene() -> None:
    assert torch.equal(draw(3, 50, 60), draw(3, 50, 60))
    assert not torch.equal(draw(3, 50, 60), draw(4, 50, 60))


def test_global_random_states_have_no_influence() -> None:
    torch.manual_seed(0)
    before = draw(5)
    torch.manual_seed(1)
    assert torch.equal(draw(5), before)


def test_one_generator_yields_scene_after_scene() -> None:
    rng = np.random.default_rng(0)
    assert not torch.equal(scene(rng, 16, 16), scene(rng, 16, 16))


@pytest.mark.parametrize(("height", "width"), [(7, 64), (64, 7), (0, 0)])
def test_too_small_a_scene_is_refused(height: int, width: int) -> None:
    with pytest.raises(ValueError, match=f"{height}.*{width}"):
        draw(0, height, width)


def test_scenes_are_as_bright_contrasty_and_coloured_as_photos() -> None:
    images = torch.stack([draw(seed) for seed in range(80)])
    gray = images.mean(1)
    contrast = gray.flatten(1).std(1)
    saturation = (images.amax(1) - images.amin(1)).mean((1, 2))
    assert 0.38 < gray.mean() < 0.52  # targets of LOL-v1: 0.45
    assert gray.mean((1, 2)).std() > 0.08
    assert 0.12 < contrast.median() < 0.24  # crops of LOL-v1 0.13, of BSDS500 0.19
    assert contrast.max() > 2 * contrast.min()
    assert 0.05 < saturation.median() < 0.2  # crops of LOL-v1 0.08, of BSDS500 0.17


def test_detail_is_sparse_as_in_photos() -> None:
    steps = torch.stack([draw(seed) for seed in range(40)]).mean(1).diff(dim=-1)
    kurtosis = ((steps**4).mean() / (steps**2).mean() ** 2).item()
    assert kurtosis > 8  # white noise has 3


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0])
def test_a_cloud_falls_with_frequency_as_its_exponent_says(exponent: float) -> None:
    field = cloud(np.random.default_rng(0), 256, 256, exponent)
    amplitude = np.abs(np.fft.rfft2(field))
    frequency = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.rfftfreq(256)[None])
    use = (frequency > 0.02) & (frequency < 0.4)
    slope = np.polyfit(np.log(frequency[use]), np.log(amplitude[use]), 1)[0]
    assert slope == pytest.approx(-exponent, abs=0.05)


def test_stripes_stay_within_the_things_that_have_them() -> None:
    labels = np.repeat(np.arange(200), 32).reshape(200, 32)
    field = stripes(np.random.default_rng(0), labels, share=0.5)
    striped = field.any(axis=1).mean()
    assert 0.4 < striped < 0.6
    assert np.abs(field).max() <= 0.6
    assert not stripes(np.random.default_rng(0), labels, share=0.0).any()


def test_light_is_positive_uneven_and_coloured() -> None:
    for seed in range(20):
        field = light(np.random.default_rng(seed), 24, 40)
        assert field.shape == (3, 24, 40)
        assert field.dtype == np.float32
        assert field.min() > 0
        assert field.std(axis=(1, 2)).min() > 0
        assert np.ptp(field.mean(axis=(1, 2))) > 0
