"""What `data` yields and `stages` take: plain named tuples of tensors."""

from typing import NamedTuple

from torch import Tensor


class PairBatch(NamedTuple):
    """Low-light pictures beside their normal-light targets.

    `low` and `normal` are `(N, 3, H, W)` float32 display values in [0, 1]. `low_mean` is `(N,)`: the mean of each
    WHOLE low-light picture over pixels and colours, of which `low` may be a crop. `name` names the N pictures.
    """

    low: Tensor
    normal: Tensor
    low_mean: Tensor
    name: list[str]


class Pair(NamedTuple):
    """One sample of a `PairBatch`: `low` and `normal` are `(3, H, W)`, `low_mean` is a scalar."""

    low: Tensor
    normal: Tensor
    low_mean: Tensor
    name: str
