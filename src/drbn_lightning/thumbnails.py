"""The thumbnail of a WHOLE image that travels with its crops and tiles: how bright and how coloured the scene is.

It is an exact area average: every thumbnail pixel covers the same area of the image, fractions of pixels included, so
the thumbnail's mean is the image's mean whatever the image's size.
"""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

THUMBNAIL_SIZE = 48
"""Height and width of a thumbnail in pixels, whatever the image's proportions."""
LUMA = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in gray (ITU-R BT.601)."""
WHITE = {"uint8": 255, "uint16": 65535, "float32": 1, "float64": 1}
"""What stands for white, by the number type of an image."""


@lru_cache(maxsize=64)
def area_weights(length: int, size: int = THUMBNAIL_SIZE) -> NDArray[np.float32]:
    """How much of each of `length` pixels lies in each of `size` equal parts of an axis.

    Returns:
        `(size, length)`; each row sums to 1.

    Example:
        >>> area_weights(3, 2) * 6
        array([[4., 2., 0.],
               [0., 2., 4.]], dtype=float32)
    """
    edges = np.linspace(0, length, size + 1)
    pixels = np.arange(length)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return (overlap.clip(0) * (size / length)).astype(np.float32)


def thumbnail_of(image: NDArray[Any], visible: NDArray[Any] | None = None) -> NDArray[np.float32]:
    """Bring an image down to its thumbnail, strip by strip: the image is not copied as a whole.

    Args:
        image: `(H, W, 3)`, uint8, uint16 or floating point in [0, 1].
        visible: `(H, W)` in [0, 1], how visible each pixel is; invisible pixels do not count. Where a whole part of
            the image is invisible, the thumbnail shows the mean of what is visible.

    Returns:
        `(3, THUMBNAIL_SIZE, THUMBNAIL_SIZE)`, display values in [0, 1].

    Example:
        >>> image = np.random.default_rng(0).random((37, 61, 3))
        >>> bool(np.isclose(thumbnail_of(image).mean(), image.mean()))
        True
    """
    white = np.float32(WHITE[image.dtype.name])
    if visible is None:
        thumbnail = _averaged(image)
        thumbnail /= white
        return thumbnail
    weights = _averaged(visible[..., None])
    if not weights.any():
        return thumbnail_of(image)
    weighted = _averaged(image, visible) / white
    fill = weighted.sum(axis=(1, 2), keepdims=True) / weights.sum()
    return np.asarray(np.where(weights > 0, weighted / weights.clip(min=1e-12), fill), dtype=np.float32)


def _averaged(values: NDArray[Any], weights: NDArray[Any] | None = None) -> NDArray[np.float32]:
    """Area average of `(H, W, C)`, each pixel times its weight, as `(C, THUMBNAIL_SIZE, THUMBNAIL_SIZE)`."""
    height, width, channels = values.shape
    rows, columns = area_weights(height), area_weights(width)
    strips = np.empty((THUMBNAIL_SIZE, width, channels), np.float32)
    for strip, row in zip(strips, rows, strict=True):
        used = np.flatnonzero(row)
        window = slice(used[0], used[-1] + 1)
        part = values[window].astype(np.float32)
        if weights is not None:
            part *= weights[window, :, None]
        strip[...] = np.tensordot(row[window], part, axes=1)
    return np.ascontiguousarray(np.einsum("rwc,sw->crs", strips, columns, optimize=True), dtype=np.float32)
