import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
import torch

from drbn_lightning.errors import DRBNError
from drbn_lightning.inference.runtimes.torch import torch_method
from drbn_lightning.inference.tiling import ALIGNMENT, OVERLAP, Region, Tiles, regions, run_tiled
from drbn_lightning.networks.drbn import DRBN
from drbn_lightning.types import Pixels

SMALL = Tiles(96, 16)
SIZES = [(1, 1), (1, 9), (3, 5), (37, 41), (97, 96), (100, 400), (301, 203)]


def image(height: int, width: int, dtype: str = "uint8") -> Pixels:
    values = np.random.default_rng(height).random((height, width, 3), np.float32)
    scale = {"uint8": 255, "uint16": 65535, "float32": 1}[dtype]
    return (values * scale).astype(dtype)


def same(low: Pixels, thumbnail: Pixels) -> Pixels:
    return low


@pytest.mark.parametrize("size", [*SIZES, (4000, 6000), (8000, 6000), (20, 9000)])
@pytest.mark.parametrize("tiles", [SMALL, Tiles(128, 0), Tiles(384, 64), Tiles()])
def test_each_pixel_is_in_exactly_one_region(size: tuple[int, int], tiles: Tiles) -> None:
    count = np.zeros(size, np.uint8)
    for region in regions(*size, tiles):
        region.of(count)[...] += 1
        window = region.grown(tiles.overlap, *size)
        assert (window.bottom - window.top) * (window.right - window.left) <= tiles.size**2
        assert region.top % ALIGNMENT == region.left % ALIGNMENT == 0
    assert count.min() == count.max() == 1


def test_a_grid_is_no_finer_than_needed() -> None:
    assert regions(96, 96, SMALL) == [Region(0, 96, 0, 96)]
    assert regions(9, 1000, SMALL) == [Region(0, 9, 0, 1000)]
    assert len(regions(97, 96, SMALL)) == 2
    assert len(regions(3000, 4000, Tiles(1248))) == 12


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_what_changes_nothing_changes_nothing(size: tuple[int, int], dtype: str) -> None:
    photo = image(*size, dtype)
    result = run_tiled(same, photo, SMALL)
    assert result.dtype == photo.dtype
    np.testing.assert_array_equal(result, photo)


def test_a_view_of_any_strides_is_read_and_not_written() -> None:
    photo = image(120, 130)[::-1, ::2]
    photo.setflags(write=False)
    result = run_tiled(lambda low, thumbnail: 1 - low, photo, SMALL)
    np.testing.assert_array_equal(result, 255 - photo)
    gray = np.broadcast_to(photo[..., :1], photo.shape)
    np.testing.assert_array_equal(run_tiled(same, gray, SMALL), gray)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_every_tile_is_told_the_mean_of_the_whole(dtype: str) -> None:
    photo = image(300, 200, dtype)
    told = set()

    def watch(low: Pixels, thumbnail: Pixels) -> Pixels:
        assert low.dtype == np.float32
        assert thumbnail.shape == (1, 3, 48, 48)
        told.add(float(thumbnail.mean()))
        return low

    run_tiled(watch, photo, SMALL)
    scale = np.float64(1 if dtype == "float32" else np.iinfo(dtype).max)
    assert len(told) == 1
    assert told.pop() == pytest.approx((photo / scale).mean(), abs=1e-6)


@pytest.mark.parametrize(("dtype", "white"), [("uint8", 255), ("uint16", 65535), ("float32", 1)])
def test_results_are_clipped_and_rounded(dtype: str, white: int) -> None:
    photo = image(40, 40, dtype)
    assert (run_tiled(lambda low, thumbnail: low + 2, photo, SMALL) == white).all()
    assert (run_tiled(lambda low, thumbnail: low - 2, photo, SMALL) == 0).all()
    if dtype != "float32":
        np.testing.assert_array_equal(run_tiled(lambda low, thumbnail: low + 0.4 / white, photo, SMALL), photo)


def test_strength_is_the_way_from_the_image_to_the_result() -> None:
    photo = image(100, 120, "float32")
    result = run_tiled(lambda low, thumbnail: 1 - low, photo, SMALL, strength=0.25)
    np.testing.assert_allclose(result, photo + 0.25 * (1 - 2 * photo), atol=1e-6)
    eight = image(100, 120)
    white = run_tiled(lambda low, thumbnail: np.full_like(low, 7), eight, SMALL, strength=0.5)
    np.testing.assert_allclose(white, (eight + 255.0) / 2, atol=0.5)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_result_that_is_no_number_is_refused(value: float) -> None:
    def broken(low: Pixels, thumbnail: Pixels) -> Pixels:
        result = low.copy()
        result[0, 1, 3, 4] = value
        return result

    with pytest.raises(DRBNError, match="precision=float32"):
        run_tiled(broken, image(10, 10), SMALL)


@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_no_seam_shows(strength: float) -> None:
    torch.manual_seed(0)
    method = torch_method(DRBN(recursions=1, base_channels=4, growth_rate=2), torch.device("cpu"))
    photo = image(301, 401, "float32")  # one recursion sees 69 pixels far
    untiled = run_tiled(method, photo, Tiles(1000, 72), strength=strength)
    tiled = run_tiled(method, photo, Tiles(220, 72), strength=strength)
    assert len(regions(301, 401, Tiles(220, 72))) == 8
    np.testing.assert_allclose(tiled, untiled, atol=2e-6)
    seams = np.abs(run_tiled(method, photo, Tiles(80, 0), strength=strength) - untiled)
    assert seams.max() > 1e-3  # so overlap is needed


def test_progress_counts_pixels() -> None:
    told = list[tuple[int, int]]()
    run_tiled(same, image(200, 300), SMALL, progress=lambda done, total: told.append((done, total)))
    done = [pixels for pixels, _ in told]
    assert len(told) == len(regions(200, 300, SMALL))
    assert done == sorted(set(done))
    assert told[-1] == (60_000, 60_000)
    assert {total for _, total in told} == {60_000}


class SmallMemory:
    """Runs out of memory for more than so many pixels."""

    def __init__(self, pixels: int, error: Exception | None = None) -> None:
        self.pixels, self.refused, self.sizes = pixels, 0, Counter[int]()
        self.error = error or MemoryError("no")

    def __call__(self, low: Pixels, thumbnail: Pixels) -> Pixels:
        count = low.shape[-2] * low.shape[-1]
        if count > self.pixels:
            self.refused += 1
            raise self.error
        self.sizes[count] += 1
        return low


def test_where_memory_does_not_suffice_tiles_become_smaller() -> None:
    method, told = SmallMemory(120 * 120), list[tuple[int, int]]()
    photo = image(500, 700)
    result = run_tiled(method, photo, Tiles(400, 16), progress=lambda done, total: told.append((done, total)))
    np.testing.assert_array_equal(result, photo)
    assert 0 < method.refused < 4  # and not once for each tile
    assert told[-1] == (350_000, 350_000)


def test_where_memory_never_suffices_it_is_said() -> None:
    with pytest.raises(DRBNError, match="device=cpu"):
        run_tiled(SmallMemory(10), image(500, 700), Tiles(400, 16))


def test_other_errors_are_not_hidden() -> None:
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        run_tiled(SmallMemory(10, RuntimeError("mat1 and mat2 shapes")), image(50, 70), SMALL)


def test_tiles_that_consist_of_overlap_are_refused() -> None:
    with pytest.raises(DRBNError, match=f"96 pixels .* {2 * OVERLAP + 64}"):
        run_tiled(same, image(8, 8), Tiles(96))


PEAK = """
import resource, sys
import numpy as np, torch
from drbn_lightning.inference.runtimes.torch import torch_method
from drbn_lightning.inference.tiling import Tiles, run_tiled
from drbn_lightning.networks.drbn import DRBN

done = []

def enough(pixels, total):
    done.append(pixels)
    if len(done) == 2:
        raise StopIteration

image = np.ones(({height}, {width}, 3), np.uint8)
try:
    run_tiled(torch_method(DRBN(recursions=2), torch.device("cpu")), image, Tiles(), progress=enough)
except StopIteration:
    pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 + image.nbytes)
"""


def peak(height: int, width: int) -> int:
    """Peak resident bytes of the first two tiles, and as much as the image again for the whole result."""
    code = PEAK.format(height=height, width=width)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.slow
def test_memory_is_bounded() -> None:
    twelve, forty_eight = peak(3000, 4000), peak(6000, 8000)
    assert twelve <= 2.5 * 2**30
    assert forty_eight <= 1.2 * twelve
