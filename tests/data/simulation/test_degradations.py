import numpy as np
import pytest
import torch
from torch import Tensor

from drbn_lightning.data.simulation.degradations import DEGRADATIONS, degrade, doses
from drbn_lightning.data.simulation.scenes import scene

NONE = dict.fromkeys(DEGRADATIONS, 0.0)
SCENES = [scene(np.random.default_rng(number), 48, 48) for number in range(12)]


def degraded(image: Tensor, seed: int, **strengths: float) -> Tensor:
    return degrade(image, NONE | strengths, np.random.default_rng(seed))


def error(strengths: dict[str, float]) -> float:
    differences = [degraded(image, seed, **strengths) - image for seed, image in enumerate(SCENES)]
    return float(np.mean([float((difference**2).mean().sqrt()) for difference in differences]))


def test_nothing_leaves_an_image_as_it_is() -> None:
    assert error(NONE) < 1e-5


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_each_one_grows_with_its_strength(name: str) -> None:
    errors = [error({name: strength}) for strength in (0.25, 0.5, 1.0)]
    assert 0.01 < errors[0] < errors[1] < errors[2] < 0.5


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_results_are_display_values_and_follow_from_the_generator(name: str) -> None:
    for seed, image in enumerate(SCENES):
        result = degraded(image, seed, **{name: 1.0})
        assert (result.dtype, result.shape) == (torch.float32, image.shape)
        assert 0 <= float(result.min()) <= float(result.max()) <= 1
        assert torch.equal(result, degraded(image, seed, **{name: 1.0}))


def test_a_black_image_stays_finite() -> None:
    assert torch.isfinite(
        degrade(torch.zeros(3, 16, 16), dict.fromkeys(DEGRADATIONS, 1.0), np.random.default_rng(0))
    ).all()


def test_exposure_goes_both_ways() -> None:
    means = [float(degraded(SCENES[0], seed, exposure=1.0).mean() - SCENES[0].mean()) for seed in range(20)]
    assert min(means) < -0.1
    assert max(means) > 0.1


def test_noise_leaves_the_mean_and_haze_takes_contrast() -> None:
    for image in SCENES:
        flat = degraded(image, 1, contrast=1.0)
        assert float(flat.std()) < 0.3 * float(image.std())
    noisy = [float((degraded(image, 1, noise=0.5) - image).mean()) for image in SCENES]
    assert abs(np.mean(noisy)) < 0.02


def test_doses_add_up_in_squares() -> None:
    for seed in range(20):
        drawn = doses(np.random.default_rng(seed), 0.7)
        assert list(drawn) == list(DEGRADATIONS)
        assert sum(dose**2 for dose in drawn.values()) == pytest.approx(0.49)
    assert set(doses(np.random.default_rng(0), 0).values()) == {0.0}
