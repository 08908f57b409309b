"""Types that several rooms share. Nothing is imported for them at run time but numpy."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Pixels = NDArray[Any]
"""An image `(H, W)`, `(H, W, 3)` or `(H, W, 4)`, or alpha: uint8, uint16 or floating point in [0, 1];
or a batch of images or thumbnails `(N, 3, H, W)`, as a `Method` takes it."""

Progress = Callable[[int, int], None]
"""Told how many pixels are done, and how many there are."""

Method = Callable[[Pixels, Pixels], Pixels]
"""Maps `low`, `(N, 3, H, W)` float32 in [0, 1], and `thumbnail`, `(N, 3, S, S)`, that of each whole image, to an
unclamped float32 image of the same size. Raises MemoryError where memory does not suffice."""

TensorMethod = Callable[["Tensor", "Tensor"], "Tensor"]
"""The same of torch tensors, for what is evaluated."""
