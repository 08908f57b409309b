"""Geometric self-ensemble: one image seen from eight sides."""

import numpy as np

from drbn_lightning.inference.tiling import ALIGNMENT
from drbn_lightning.types import Method, Pixels

SIDES = tuple((turns, flip) for flip in (False, True) for turns in range(4))
"""Quarter turns, and whether the image is mirrored before them."""


def turned(image: Pixels, turns: int, flip: bool) -> Pixels:
    """Mirror left and right, where asked, then turn: `(N, C, H, W)` to `(N, C, H, W)` or `(N, C, W, H)`."""
    return np.rot90(image[..., ::-1] if flip else image, turns, (-2, -1))


def turned_back(image: Pixels, turns: int, flip: bool) -> Pixels:
    """Undo `turned`.

    Example:
        >>> image = np.arange(60.0).reshape(1, 3, 4, 5)
        >>> all(np.array_equal(turned_back(turned(image, *side), *side), image) for side in SIDES)
        True
    """
    back = np.rot90(image, -turns, (-2, -1))
    return back[..., ::-1] if flip else back


def self_ensemble(method: Method) -> Method:
    """The mean of a method's results over the eight flips and turns of an image.

    Source: "Seven ways to improve example-based single image super resolution", Timofte et al., CVPR 2016.
    The image is continued to multiples of 4 first, so that the network's strides fall on the same pixels whether it
    sees the image or a tile of it.
    """

    def enhance(low: Pixels, thumbnail: Pixels) -> Pixels:
        height, width = low.shape[-2:]
        more = [(0, 0), (0, 0), (0, -height % ALIGNMENT), (0, -width % ALIGNMENT)]
        padded = np.pad(low, more, mode="edge")
        total = np.zeros_like(padded)
        for side in SIDES:
            low_seen, thumbnail_seen = (np.ascontiguousarray(turned(image, *side)) for image in (padded, thumbnail))
            total += turned_back(method(low_seen, thumbnail_seen), *side)
        return (total / np.float32(len(SIDES)))[..., :height, :width]

    return enhance
