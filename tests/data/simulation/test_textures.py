import numpy as np
import pytest

from drbn_lightning.data.simulation.textures import cloud, light, stripes


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0])
def test_the_amplitude_of_a_cloud_falls_with_frequency(exponent: float) -> None:
    fields = [cloud(rng(seed), 64, 64, exponent) for seed in range(20)]
    power = np.mean([np.abs(np.fft.rfft2(field)) ** 2 for field in fields], axis=0)
    octave = np.sqrt(power[0, 2:5].mean() / power[0, 4:10].mean())
    assert octave == pytest.approx(1.0 if exponent == 0 else 2**exponent, rel=0.45)


def test_clouds_follow_from_the_generator_alone() -> None:
    np.testing.assert_array_equal(cloud(rng(3), 9, 14, 1.0), cloud(rng(3), 9, 14, 1.0))
    assert not np.array_equal(cloud(rng(3), 9, 14, 1.0), cloud(rng(4), 9, 14, 1.0))


def test_stripes_stay_within_their_things() -> None:
    labels = np.zeros((40, 60), np.intp)
    labels[:, 30:] = 1
    assert not stripes(rng(), labels, share=0.0).any()
    field = stripes(rng(), labels, share=1.0)
    assert field.shape == labels.shape
    assert np.abs(field).max() <= 0.6
    assert field[:, :30].std() > 0.01
    assert field[:, 30:].std() > 0.01


def test_light_is_positive_and_differs_from_scene_to_scene() -> None:
    fields = [light(rng(seed), 24, 36) for seed in range(8)]
    assert all(field.shape == (3, 24, 36) and field.min() > 0 and np.isfinite(field).all() for field in fields)
    assert np.std([field.mean() for field in fields]) > 0.01
