"""What `data` yields and `stages` take: plain named tuples of tensors."""

from typing import NamedTuple

from torch import Tensor


class PairBatch(NamedTuple):
    """Low-light images beside their normal-light targets.

    `low` and `normal` are `(N, 3, H, W)` float32 display values in [0, 1]. `thumbnail` is `(N, 3, S, S)`: the area
    average (`drbn_lightning.thumbnails`) of each WHOLE low-light image, of which `low` may be a crop;
    `normal_thumbnail` that of its target, where there is one. `name` names the N images.
    """

    low: Tensor
    normal: Tensor
    thumbnail: Tensor
    name: list[str]
    normal_thumbnail: Tensor | None = None


class Pair(NamedTuple):
    """One sample of a `PairBatch`: `low` and `normal` are `(3, H, W)`, both thumbnails `(3, S, S)`."""

    low: Tensor
    normal: Tensor
    thumbnail: Tensor
    name: str
    normal_thumbnail: Tensor


class UnpairedBatch(NamedTuple):
    """Photos without partners, for training.

    What stands in a row has nothing to do with each other, but that `unpaired=graded` may give one photo in two
    severities.

    `high_mos` and `low_mos` are photos that people like and dislike, `real_low` real low-light photos: all
    `(N, 3, S, S)` float32 display values in [0, 1], crops of photos resized alike. `real_low_thumbnail` is
    `(N, 3, S, S)`, that of each WHOLE low-light photo. `high_score` and `low_score` `(N,)` are the mean opinion scores
    of `high_mos` and `low_mos`, NaN where nobody voted. A kind of which the data hold none is None.
    """

    high_mos: Tensor
    low_mos: Tensor | None
    real_low: Tensor | None
    real_low_thumbnail: Tensor | None
    high_score: Tensor | None = None
    low_score: Tensor | None = None


class Unpaired(NamedTuple):
    """One sample of an `UnpairedBatch`: photos `(3, S, S)`, scalar scores, thumbnail of the whole low-light photo."""

    high_mos: Tensor
    low_mos: Tensor | None
    real_low: Tensor | None
    real_low_thumbnail: Tensor | None
    high_score: Tensor | None = None
    low_score: Tensor | None = None


class PhotoBatch(NamedTuple):
    """Held-out photos without partners.

    `photo` is `(N, 3, H, W)` float32 display values in [0, 1], `thumbnail` that of each whole photo, `mos` `(N,)`
    its mean opinion score, from 1 to 10, or NaN where nobody voted. `kind` is `high` or `low` (chosen by score),
    `middle` (rated, but neither), `unseen` (rated, and spoilt in a way that training never shows) or `real_low` (to be
    enhanced).
    """

    photo: Tensor
    thumbnail: Tensor
    mos: Tensor
    kind: list[str]
    name: list[str]


class Photo(NamedTuple):
    """One sample of a `PhotoBatch`: `photo` is `(3, H, W)`, `mos` a scalar."""

    photo: Tensor
    thumbnail: Tensor
    mos: Tensor
    kind: str
    name: str


class SemiSupervisedBatch(NamedTuple):
    """Pairs and unpaired photos of one training step."""

    pairs: PairBatch
    unpaired: UnpairedBatch


class SemiSupervisedSample(NamedTuple):
    """One sample of a `SemiSupervisedBatch`."""

    pairs: Pair
    unpaired: Unpaired
