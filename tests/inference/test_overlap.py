import numpy as np
import pytest

from drbn_lightning.errors import DRBNError
from drbn_lightning.inference.overlap import AGREEMENT, CANDIDATES, Sample, agreement, needed_overlap
from drbn_lightning.types import Method, Pixels


def reaching(pixels: int) -> Method:
    """Mixes in what lies so many pixels to the right and to the left; beyond the border is black."""

    def method(low: Pixels, thumbnail: Pixels) -> Pixels:
        padded = np.pad(low, [(0, 0), (0, 0), (0, 0), (pixels, pixels)])
        mixed: Pixels = 0.5 * low + 0.25 * (padded[..., 2 * pixels :] + padded[..., : low.shape[-1]])
        return mixed

    return method


def noise(side: int = 260) -> tuple[Pixels, Pixels]:
    low = np.random.default_rng(0).random((1, 3, side, side), np.float32)
    return low, low[..., :48, :48]


@pytest.mark.parametrize(("reach", "overlap"), [(1, 8), (8, 8), (9, 16), (33, 48), (96, 96)])
def test_it_is_the_first_that_reaches_as_far_as_the_network(reach: int, overlap: int) -> None:
    assert needed_overlap(reaching(reach), [noise(), noise(300)]) == overlap


def test_the_image_that_needs_most_counts() -> None:
    flat = np.zeros((1, 3, 200, 200), np.float32), np.zeros((1, 3, 48, 48), np.float32)
    assert needed_overlap(reaching(30), [flat]) == CANDIDATES[0]
    assert needed_overlap(reaching(30), [flat, noise()]) == 32


def test_agreement_is_that_beside_the_cuts() -> None:
    low, thumbnail = noise()

    def cut_off(image: Pixels, _: Pixels) -> Pixels:
        darker = image.copy()
        darker[..., :20, :20] *= 0.9 if image.shape != low.shape else 1  # far from all cuts of the upper tile
        return darker

    assert agreement(cut_off, Sample(low, thumbnail, low[0]), 32) == 200
    assert agreement(reaching(40), Sample(low, thumbnail, reaching(40)(low, thumbnail)[0]), 32) < AGREEMENT


def test_a_network_that_sees_too_far_is_refused() -> None:
    def mean(low: Pixels, thumbnail: Pixels) -> Pixels:
        gray: Pixels = np.full_like(low, low.mean())
        return gray

    gradient = np.broadcast_to(np.linspace(0, 1, 640, dtype=np.float32), (1, 3, 640, 640))
    with pytest.raises(DRBNError, match=f"more than {CANDIDATES[-1]}"):
        needed_overlap(mean, [(gradient, gradient[..., :48, :48])])
