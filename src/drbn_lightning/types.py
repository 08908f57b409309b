"""What enhances a picture, whoever does it."""

from collections.abc import Callable

from torch import Tensor

Method = Callable[[Tensor, Tensor], Tensor]
"""Maps `low`, `(N, 3, H, W)` in [0, 1], and `thumbnail`, `(N, 3, S, S)`, that of each whole image, to an unclamped
image of the same size."""
