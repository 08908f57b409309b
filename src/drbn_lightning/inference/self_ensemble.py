"""Geometric self-ensemble: one image seen from eight sides."""

import torch
from torch import Tensor

from drbn_lightning.networks.drbn import pad_to_quarters
from drbn_lightning.types import Method

SIDES = tuple((turns, flip) for flip in (False, True) for turns in range(4))
"""Quarter turns, and whether the image is mirrored before them."""


def turned(image: Tensor, turns: int, flip: bool) -> Tensor:
    """Mirror left and right, where asked, then turn: `(N, C, H, W)` to `(N, C, H, W)` or `(N, C, W, H)`."""
    return torch.rot90(image.flip(-1) if flip else image, turns, (-2, -1))


def turned_back(image: Tensor, turns: int, flip: bool) -> Tensor:
    """Undo `turned`.

    Example:
        >>> image = torch.rand(1, 3, 4, 5)
        >>> all(torch.equal(turned_back(turned(image, *side), *side), image) for side in SIDES)
        True
    """
    back = torch.rot90(image, -turns, (-2, -1))
    return back.flip(-1) if flip else back


def self_ensemble(method: Method) -> Method:
    """The mean of a method's results over the eight flips and turns of an image.

    Source: "Seven ways to improve example-based single image super resolution", Timofte et al., CVPR 2016.
    The image is continued to multiples of 4 first, so that the network's strides fall on the same pixels whether it
    sees the image or a tile of it.
    """

    def enhance(low: Tensor, thumbnail: Tensor) -> Tensor:
        height, width = low.shape[-2:]
        padded = pad_to_quarters(low)
        total = torch.zeros_like(padded)
        for side in SIDES:
            seen = (turned(image, *side).contiguous() for image in (padded, thumbnail))
            total += turned_back(method(*seen), *side)
        return (total / len(SIDES))[..., :height, :width]

    return enhance
