from pathlib import Path

import pytest

from drbn_lightning.inference import memory
from drbn_lightning.inference.choosing import COSTS
from drbn_lightning.inference.memory import BYTES_PER_PIXEL, MOST, free_bytes, tile_size
from drbn_lightning.inference.tiling import Tiles

GB = 10**9


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the system says."""
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "CGROUPS", ((tmp_path / "max", tmp_path / "current"),))
    return tmp_path


def test_the_least_that_anybody_says_is_free(machine: Path) -> None:
    assert free_bytes() is None
    (machine / "meminfo").write_text("MemTotal: 99 kB\nMemAvailable:    8000 kB\n")
    assert free_bytes() == 8_192_000
    (machine / "max").write_text("max\n")
    (machine / "current").write_text("1000\n")
    assert free_bytes() == 8_192_000
    (machine / "max").write_text("5000\n")
    assert free_bytes() == 4000


@pytest.mark.parametrize(("runtime", "precision"), BYTES_PER_PIXEL)
def test_tiles_are_as_large_as_memory_allows(monkeypatch: pytest.MonkeyPatch, runtime: str, precision: str) -> None:
    sizes = list[int]()
    for free in (None, 64 * GB, 1 * GB, GB // 10):
        monkeypatch.setattr(memory, "free_bytes", lambda free=free: free)
        size = tile_size(runtime, precision, 24)
        Tiles(size, 24).check()
        assert size**2 * BYTES_PER_PIXEL[runtime, precision] <= min(MOST, (free or MOST) / 2 if free else MOST)
        sizes.append(size)
    assert sizes[0] == sizes[1] > sizes[2] > sizes[3]


def test_a_wide_overlap_makes_tiles_larger_than_memory_would(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda: GB // 100)
    Tiles(tile_size("onnx", "float32", 160), 160).check()


def test_every_runtime_is_known() -> None:
    assert {runtime for runtime, _ in BYTES_PER_PIXEL} == set(COSTS)
