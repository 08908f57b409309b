"""What a discriminator is shown as real: photos that people like, targets of the pairs, or both."""

from typing import Literal, get_args

from torch import Tensor

from drbn_lightning.batches import PairBatch, UnpairedBatch
from drbn_lightning.errors import DRBNError

RealImages = Literal["photos", "targets", "both"]
"""`photos`: those with a high mean opinion score (paper); `targets`: those of the pairs; `both`: released code."""


def checked(wanted: RealImages) -> RealImages:
    """The choice itself.

    Raises:
        ValueError: there is no such choice.
    """
    if wanted not in get_args(RealImages):
        raise ValueError(f"stage.real_images is {wanted!r}; use 'photos', 'targets' or 'both'")
    return wanted


def chosen(wanted: RealImages, unpaired: UnpairedBatch, pairs: PairBatch | None) -> list[Tensor]:
    """The real images of a step, each `(N, 3, H, W)`.

    Raises:
        DRBNError: targets are wanted and the data hold no pairs.
    """
    if wanted == "photos":
        return [unpaired.high_mos]
    if pairs is None:
        raise DRBNError(f"stage.real_images={wanted} needs pairs: set 'sources=[data,unpaired]' as well")
    return [pairs.normal] if wanted == "targets" else [unpaired.high_mos, pairs.normal]
