import numpy as np
import pytest
import torch

from drbn_lightning.inference.runtimes.torch import torch_method
from drbn_lightning.inference.self_ensemble import SIDES, self_ensemble, turned, turned_back
from drbn_lightning.inference.tiling import Tiles, run_tiled
from drbn_lightning.networks.drbn import DRBN
from drbn_lightning.types import Pixels

THUMBNAIL = np.random.default_rng(0).random((1, 3, 48, 48), np.float32)


def test_eight_sides_differ() -> None:
    image = np.random.default_rng(1).random((1, 3, 5, 5))
    count = {turned(image, *side).tobytes() for side in SIDES}
    assert len(count) == len(SIDES) == 8


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (8, 12), (37, 41)])
def test_what_changes_nothing_changes_nothing(size: tuple[int, int]) -> None:
    low = np.random.default_rng(1).random((2, 3, *size), np.float32)
    assert np.allclose(self_ensemble(lambda low, thumbnail: low)(low, THUMBNAIL), low, atol=1e-6)


def test_it_is_the_mean_of_eight_results() -> None:
    ramp = np.broadcast_to(
        np.linspace(0, 1, 8, dtype=np.float32), (1, 3, 8, 8)
    )  # what the method adds, darker on the left of what it sees
    result = self_ensemble(lambda low, thumbnail: low + ramp)(np.zeros((1, 3, 8, 8), np.float32), THUMBNAIL)
    expected = np.stack([turned_back(ramp, *side) for side in SIDES]).mean(axis=0)
    assert np.allclose(result, expected, atol=1e-6)
    assert np.allclose(result, np.full_like(result, 0.5), atol=1e-6)


def test_the_method_sees_all_sides_of_the_image_and_its_thumbnail() -> None:
    count, thumbnails = list[tuple[int, ...]](), set[bytes]()

    def watch(low: Pixels, thumbnail: Pixels) -> Pixels:
        thumbnails.add(thumbnail.tobytes())
        count.append(low.shape[-2:])
        return low

    self_ensemble(watch)(np.random.default_rng(1).random((1, 3, 5, 9), np.float32), THUMBNAIL)
    assert sorted(count) == [(8, 12)] * 4 + [(12, 8)] * 4
    assert thumbnails == {turned(THUMBNAIL, *side).tobytes() for side in SIDES}


def test_no_seam_shows() -> None:
    torch.manual_seed(0)
    network = DRBN(recursions=1, base_channels=4, growth_rate=2)
    method = self_ensemble(torch_method(network, torch.device("cpu")))
    photo = np.random.default_rng(0).random((201, 253, 3), np.float32)  # no multiples of 4
    untiled = run_tiled(method, photo, Tiles(1000, 72))
    np.testing.assert_allclose(run_tiled(method, photo, Tiles(212, 72)), untiled, atol=2e-6)


def test_a_turned_image_gives_the_turned_result() -> None:
    torch.manual_seed(0)
    method = self_ensemble(torch_method(DRBN(recursions=1, base_channels=4, growth_rate=2), torch.device("cpu")))
    low = np.random.default_rng(1).random((1, 3, 16, 24), np.float32)
    assert np.allclose(
        method(turned(low, 1, True), turned(THUMBNAIL, 1, True)), turned(method(low, THUMBNAIL), 1, True), atol=1e-5
    )
