"""How far tiles of one network must overlap, measured where their seams would be."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from drbn_lightning.errors import DRBNError
from drbn_lightning.inference.tiling import ALIGNMENT
from drbn_lightning.types import Method, Pixels

CANDIDATES = (8, 16, 24, 32, 48, 64, 96, 128, 160, 192, 256)
"""Overlaps that are tried, in pixels."""
AGREEMENT = 60.0
"""PSNR beside a cut, in dB, between what a tile shows there and what the whole image shows: seams of 50 dB are not
seen, and photos may be unlike the images that are tried."""
STRIP = 32
"""Pixels beside a cut that are compared: a seam is seen there, and would be lost in the mean of a large image."""


class Sample(NamedTuple):
    """An image `(1, 3, H, W)`, its thumbnail `(1, 3, S, S)`, and what a network makes of the whole `(3, H, W)`."""

    low: Pixels
    thumbnail: Pixels
    whole: Pixels


def needed_overlap(method: Method, images: Iterable[tuple[Pixels, Pixels]]) -> int:
    """The smallest of `CANDIDATES` at which tiles agree with the whole image, beside their cuts, by `AGREEMENT`.

    Args:
        method: the network.
        images: each `(1, 3, H, W)` with its thumbnail, at least four times as large as the overlap that is expected.

    Raises:
        DRBNError: none of them suffices.
    """
    samples = [Sample(low, thumbnail, method(low, thumbnail)[0].clip(0, 1)) for low, thumbnail in images]
    for overlap in CANDIDATES:
        if all(agreement(method, sample, overlap) >= AGREEMENT for sample in samples):
            return overlap
    raise DRBNError(
        f"this network's result depends on pixels more than {CANDIDATES[-1]} away: tiles of it would show; "
        "train one with fewer recursions, or on larger crops"
    )


def agreement(method: Method, sample: Sample, overlap: int) -> float:
    """PSNR in dB beside the cuts of an image that is cut in the middle of both sides; of the worse of two tiles."""
    height, width = (side // 2 // ALIGNMENT * ALIGNMENT for side in sample.low.shape[-2:])
    rows, columns = height + overlap, width + overlap
    first = method(sample.low[..., :rows, :columns], sample.thumbnail)[0][:, :height, :width]
    top, left = height - overlap, width - overlap
    last = method(sample.low[..., top:, left:], sample.thumbnail)[0][:, overlap:, overlap:]
    errors = (
        _beside_cuts(first.clip(0, 1)[:, ::-1, ::-1], sample.whole[:, :height, :width][:, ::-1, ::-1]),
        _beside_cuts(last.clip(0, 1), sample.whole[:, height:, width:]),
    )
    return float(-10 * np.log10(max(*errors, 1e-20)))


def _beside_cuts(tile: Pixels, whole: Pixels) -> float:
    """Mean square error in the first rows and columns."""
    error = (tile - whole) ** 2
    beside = np.concatenate([error[:, :STRIP].reshape(-1), error[:, STRIP:, :STRIP].reshape(-1)])
    return float(beside.mean(dtype=np.float64))
