"""Running a method over a picture of any size, tile by tile, so that memory stays bounded and no seam shows."""

from collections import deque
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from drbn_lightning.errors import DRBNError
from drbn_lightning.inference.evaluation import Method

ALIGNMENT = 4
SMALLEST_CORE = 64
SCALES = {"uint8": 255, "uint16": 65535, "float32": 1}
"""What stands for white, by the number type of a picture."""

Pixels = NDArray[Any]
Progress = Callable[[int, int], None]


class Tiles(NamedTuple):
    """How a picture is cut: the side of what the network sees at once, and how much of it is seen by neighbours too.

    Both in pixels. A tile's own pixels are at least `overlap` from each of its borders that is inside the picture.
    """

    size: int = 1024
    overlap: int = 64


class Region(NamedTuple):
    """A rectangle of pixels: first and one past the last row, and the same for columns."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def pixels(self) -> int:
        """How many pixels there are."""
        return (self.bottom - self.top) * (self.right - self.left)

    def of(self, picture: Pixels) -> Pixels:
        """A view of these pixels."""
        return picture[self.top : self.bottom, self.left : self.right]

    def grown(self, margin: int, height: int, width: int) -> "Region":
        """With a margin on every side, but inside the picture."""
        top, left = max(0, self.top - margin), max(0, self.left - margin)
        return Region(top, min(height, self.bottom + margin), left, min(width, self.right + margin))

    def inside(self, outer: "Region") -> "Region":
        """The same pixels, counted from the corner of `outer`."""
        return Region(self.top - outer.top, self.bottom - outer.top, self.left - outer.left, self.right - outer.left)

    def quarters(self) -> list["Region"]:
        """Cut in two both ways, or one way where the other side is small already."""
        rows = _halves(self.top, self.bottom)
        return [Region(*row, *column) for row in rows for column in _halves(self.left, self.right)]


def run_tiled(
    method: Method, picture: Pixels, tiles: Tiles, *, strength: float = 1.0, progress: Progress | None = None
) -> Pixels:
    """Enhance a picture tile by tile.

    Besides the picture, its result and one tile, nothing is held. Where a GPU's memory does not suffice, tiles are
    cut into quarters.

    Args:
        method: maps `(low, low_mean)` to a picture of the size of `low`.
        picture: `(H, W, 3)`, uint8, uint16 or float32 in [0, 1].
        tiles: how to cut it.
        strength: how far to go from the picture (0) to the result (1).
        progress: told after each tile how many pixels are done, and how many there are.

    Returns:
        The result, of the same shape and type, clipped, rounded where it is of whole numbers.

    Raises:
        DRBNError: the tiles are too small for their overlap, memory does not suffice for the smallest tile, or a
            result is not finite.
    """
    check_tiles(tiles)
    height, width = picture.shape[:2]
    scale = SCALES[picture.dtype.name]
    low_mean = torch.tensor([mean_of(picture)], dtype=torch.float32)
    result = np.empty_like(picture, order="C", subok=False)
    waiting = deque(regions(height, width, tiles))
    done = 0
    while waiting:
        region = waiting.popleft()
        window = region.grown(tiles.overlap, height, width)
        try:
            found = method(_tensor(window.of(picture), scale), low_mean)
        except torch.OutOfMemoryError:
            waiting = _finer([region, *waiting])
            continue
        region.of(result)[...] = _pixels(found, region.inside(window), region.of(picture), strength)
        done += region.pixels
        if progress is not None:
            progress(done, height * width)
    return result


def check_tiles(tiles: Tiles) -> None:
    """Raise a DRBNError where the tiles leave too few pixels of their own."""
    smallest = 2 * tiles.overlap + SMALLEST_CORE
    if tiles.size < smallest or tiles.overlap < 0 or tiles.overlap % ALIGNMENT:
        raise DRBNError(f"tiles of {tiles.size} pixels are too small; use at least {smallest}")


def regions(height: int, width: int, tiles: Tiles) -> Iterator[Region]:
    """The pixels of each tile, row by row: every pixel of the picture is in exactly one region.

    Example:
        >>> [tuple(region) for region in regions(100, 300, Tiles(200, 32))]
        [(0, 100, 0, 152), (0, 100, 152, 300)]
    """
    columns = list(_cuts(width, tiles))
    for top, bottom in _cuts(height, tiles):
        for left, right in columns:
            yield Region(top, bottom, left, right)


def mean_of(picture: Pixels) -> float:
    """The mean over all pixels and colours, as a display value in [0, 1]; needs no copy of the picture."""
    return float(picture.mean(dtype=np.float64)) / SCALES[picture.dtype.name]


def _cuts(length: int, tiles: Tiles) -> Iterator[tuple[int, int]]:
    """Cut one axis into shares that are equal but for the first and the last, at multiples of 4."""
    if length <= tiles.size:
        yield 0, length
        return
    inner = length - 2 * tiles.overlap
    count = -(-inner // ((tiles.size - 2 * tiles.overlap) // ALIGNMENT * ALIGNMENT))
    share = -(-inner // (count * ALIGNMENT)) * ALIGNMENT
    places = [0, *range(tiles.overlap + share, length - tiles.overlap, share), length]
    yield from pairwise(places)


def _halves(start: int, stop: int) -> list[tuple[int, int]]:
    middle = start + -(-(stop - start) // (2 * ALIGNMENT)) * ALIGNMENT
    return [(start, middle), (middle, stop)] if stop - start > SMALLEST_CORE else [(start, stop)]


def _finer(waiting: list[Region]) -> deque[Region]:
    if max(waiting[0].bottom - waiting[0].top, waiting[0].right - waiting[0].left) <= SMALLEST_CORE:
        raise DRBNError("memory does not suffice for the smallest tile; use device=cpu, or close other programs")
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return deque(quarter for region in waiting for quarter in region.quarters())


def _tensor(window: Pixels, scale: int) -> Tensor:
    """`(H, W, 3)` pixels as `(1, 3, H, W)` float32 in [0, 1], channels last."""
    values = np.array(window, dtype=np.float32, order="C")
    values /= np.float32(scale)
    return torch.from_numpy(values).permute(2, 0, 1)[None]


def _pixels(found: Tensor, own: Region, given: Pixels, strength: float) -> Pixels:
    """A tile's own pixels of a result, blended with the given ones, as the given ones' type."""
    scale = SCALES[given.dtype.name]
    values = found[0, :, own.top : own.bottom, own.left : own.right].permute(1, 2, 0).numpy()
    if not np.isfinite(values).all():
        raise DRBNError("the network's result is not finite; use precision=float32, or another checkpoint")
    values = values.clip(0, 1) * np.float32(scale)
    if strength != 1:
        values = given + np.float32(strength) * (values - given)
    return (values if scale == 1 else values.round()).astype(given.dtype)
