from pathlib import Path

import numpy as np

from drbn_lightning.tasks.memoisation import Memory
from drbn_lightning.types import Pixels


class Counting:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, low: Pixels, thumbnail: Pixels) -> Pixels:
        self.calls += 1
        return low / 3 + thumbnail


def given(seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).random((1, 3, 5, 7), np.float32)


MEAN = np.array([0.1], np.float32)


def test_one_input_runs_once_and_gives_the_same_bits(tmp_path: Path) -> None:
    method = Counting()
    remembered = Memory(tmp_path).of(method, "band")

    first, second = remembered(given(), MEAN), remembered(given(), MEAN)

    assert method.calls == 1
    assert np.array_equal(first, second)


def test_another_image_mean_shape_or_method_is_another_result(tmp_path: Path) -> None:
    memory, method, other = Memory(tmp_path), Counting(), Counting()
    remembered = memory.of(method, "band")

    remembered(given(), MEAN)
    remembered(given(1), MEAN)
    remembered(given(), MEAN + 0.1)
    remembered(given().reshape(1, 3, 7, 5), MEAN)
    memory.of(other, "recompose")(given(), MEAN)

    assert (method.calls, other.calls) == (4, 1)


def test_the_oldest_makes_room(tmp_path: Path) -> None:
    method = Counting()
    size = given().nbytes
    remembered = Memory(tmp_path, 2 * size).of(method, "band")

    for seed in (0, 1, 2, 2, 1, 0):
        remembered(given(seed), MEAN)

    assert method.calls == 4
    assert len(list(tmp_path.iterdir())) == 2


def test_what_is_too_large_or_cannot_be_written_is_not_kept(tmp_path: Path) -> None:
    method = Counting()
    small, gone = Memory(tmp_path, 8), Memory(tmp_path / "missing")

    for memory in (small, small, gone, gone):
        assert np.array_equal(memory.of(method, "band")(given(), MEAN), given() / 3 + MEAN)

    assert method.calls == 4
    assert not list(tmp_path.iterdir())
