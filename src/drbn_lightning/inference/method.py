"""What enhances a picture, whoever does it."""

from collections.abc import Callable

from torch import Tensor

Method = Callable[[Tensor, Tensor], Tensor]
"""Maps `low`, `(N, 3, H, W)` in [0, 1], and `low_mean`, `(N,)`, the mean of each whole picture, to an unclamped picture
of the same size."""
