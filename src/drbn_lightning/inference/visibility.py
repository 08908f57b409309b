"""Images with transparent pixels: what nobody sees must not decide how bright the rest becomes."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from drbn_lightning.types import Pixels

EnhanceVisible = Callable[[Pixels, NDArray[np.float32] | None], Pixels]
"""From `(H, W, 3)` and how visible each pixel is, `(H, W)` in [0, 1] (None: all are), to the enhanced colours."""


def enhanced_where_visible(rgb: Pixels, alpha: Pixels | None, enhance: EnhanceVisible) -> Pixels:
    """Enhance the smallest rectangle that holds all visible pixels.

    Before, invisible pixels (alpha 0) become the mean of the visible ones; in the result, the mean of the visible
    results. So the same visible pixels give the same result whatever colours lie under the invisible ones.

    Args:
        rgb: `(H, W, 3)` uint8, uint16 or floating point in [0, 1].
        alpha: `(H, W)` of the same type; None where all pixels are opaque.
        enhance: works on the rectangle.

    Returns:
        The result, of the same shape and type; a copy where no pixel is visible.
    """
    if alpha is None:
        return enhance(rgb, None)
    is_visible = alpha > 0
    if not is_visible.any():
        return rgb.copy()
    window = _bounds(is_visible)
    inner, mask = rgb[window], is_visible[window]
    visible = alpha[window].astype(np.float32)
    visible /= 1 if alpha.dtype.kind == "f" else np.iinfo(alpha.dtype).max
    filled = inner if mask.all() else np.where(mask[..., None], inner, _mean(inner, visible))
    after = enhance(filled, None if visible.min() == 1 else visible)
    if mask.all() and inner.shape == rgb.shape:
        return after
    result = np.empty_like(rgb, order="C")
    result[...] = _mean(after, visible)
    result[window][mask] = after[mask]
    return result


def _bounds(is_visible: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The smallest rectangle that holds all true pixels."""
    rows, columns = np.flatnonzero(is_visible.any(axis=1)), np.flatnonzero(is_visible.any(axis=0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _mean(image: Pixels, weights: NDArray[np.float32]) -> Pixels:
    """The weighted mean colour `(3,)`, of the image's type; without a copy of the image in a wider type."""
    total = np.einsum("hw,hwc->c", weights, image, dtype=np.float64, casting="unsafe")
    mean = total / weights.sum(dtype=np.float64)
    colour: Pixels = (mean if image.dtype.kind == "f" else mean.round()).astype(image.dtype)
    return colour
