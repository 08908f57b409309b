import numpy as np
import pytest
import torch
from torch import Tensor

from drbn_lightning.data.simulation.artefacts import ARTEFACTS, KINDS, MOST_AT_ONCE, Mix, draw_mix, spoil
from drbn_lightning.data.simulation.degradations import DEGRADATIONS
from drbn_lightning.data.simulation.scenes import scene
from drbn_lightning.networks.luma_chroma import luma

SCENES = [scene(np.random.default_rng(number), 48, 48) for number in range(10)]


def spoilt(image: Tensor, kind: str, severity: float, seed: int = 0) -> Tensor:
    return spoil(image, Mix({kind: 1.0}, seed), severity)


def error(kind: str, severity: float) -> float:
    differences = [spoilt(image, kind, severity, seed) - image for seed, image in enumerate(SCENES)]
    return float(np.mean([float((difference**2).mean().sqrt()) for difference in differences]))


@pytest.mark.parametrize("kind", KINDS)
def test_each_one_grows_from_nothing_with_its_severity(kind: str) -> None:
    errors = [error(kind, severity) for severity in (0.0, 0.25, 0.5, 1.0)]
    assert errors[0] < 1e-5
    assert 0.008 < errors[1] < errors[2] < errors[3] < 0.5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(8, 8), (8, 31), (40, 24)])
def test_results_are_display_values_and_follow_from_the_seed(kind: str, shape: tuple[int, int]) -> None:
    for image in (torch.rand(3, *shape), torch.zeros(3, *shape), torch.ones(3, *shape)):
        result = spoilt(image, kind, 1.0, seed=4)
        assert (result.dtype, result.shape) == (torch.float32, image.shape)
        assert result.isfinite().all()
        assert 0 <= float(result.min()) <= float(result.max()) <= 1
        assert torch.equal(result, spoilt(image, kind, 1.0, seed=4))


def test_one_to_three_kinds_share_the_severity() -> None:
    counts = set()
    for seed in range(40):
        mix = draw_mix(np.random.default_rng(seed), KINDS)
        counts.add(len(mix.shares))
        assert set(mix.shares) <= set(KINDS)
        assert sum(share**2 for share in mix.shares.values()) == pytest.approx(1)
        assert mix == draw_mix(np.random.default_rng(seed), KINDS)
    assert counts == set(range(1, MOST_AT_ONCE + 1))
    assert set(draw_mix(np.random.default_rng(0), ["halo"]).shares) == {"halo"}
    assert set(KINDS) == {*DEGRADATIONS, *ARTEFACTS}


def test_the_same_mix_does_the_same_thing_more() -> None:
    for seed, image in enumerate(SCENES):
        first, second = (spoilt(image, "cast", severity, seed) - image for severity in (0.4, 0.8))
        assert torch.nn.functional.cosine_similarity(first.flatten(), second.flatten(), dim=0) > 0.9


def values(image: Tensor) -> int:
    """How many different values there are."""
    return len(set(image.flatten().tolist()))


def test_what_each_one_does_to_an_image() -> None:
    image = SCENES[0]
    colours = [(shown - luma(shown)).abs().mean() for shown in (image, spoilt(image, "saturation", 0.3))]
    assert colours[1] > 1.2 * colours[0]
    steps = [values(spoilt(image, "band", severity)) for severity in (0.2, 1.0)]
    assert steps[1] < steps[0] < values(image)
    gradients = [shown.diff(dim=2).abs().mean() for shown in (image, spoilt(image, "smooth", 0.8))]
    assert gradients[1] < 0.8 * gradients[0]
    gray = torch.full((3, 40, 40), 0.5)
    assert 2 <= values(spoilt(gray, "seam", 0.5)[0]) <= 100  # a tile is plain
    assert torch.allclose(spoilt(gray, "halo", 1.0), gray, atol=1e-5)  # no edge, no halo
    greener = [spoilt(SCENES[1], "cast", 0.5, seed) - SCENES[1] for seed in range(40)]
    assert sum(float(change[1].mean()) > float(change[[0, 2]].mean()) for change in greener) > 22
