"""How far hues moved: a colour cast, or colours turned, by an angle that people can imagine."""

import torch
from torch import Tensor

from drbn_lightning.metrics.metric import Metric
from drbn_lightning.metrics.pixels import to_8_bit


def hue_shift(result: Tensor, target: Tensor) -> Tensor:
    """Mean angle between the colours of result and target, each pixel as much as it has colour in both.

    The plane of hues is that of the two chroma axes at right angles to gray; a pixel counts by the root of the product
    of its two lengths there, so that noise in gray pixels hardly does.

    Args:
        result: `(N, 3, H, W)`, display values, rounded to 8 bits first.
        target: `(N, 3, H, W)` in [0, 1].

    Returns:
        `(N,)` in degrees, 0 to 180; not a number where no pixel has a colour in both.

    Example:
        >>> red, green = (torch.tensor(colour).view(1, 3, 1, 1) for colour in ([1.0, 0, 0], [0, 1.0, 0]))
        >>> round(hue_shift(red, green).item(), 3), hue_shift(red, 0.6 * red).item()
        (120.0, 0.0)
    """
    first, second = (_chroma(image) for image in (to_8_bit(result), target.double()))
    cross = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    angle = torch.atan2(cross.abs(), (first * second).sum(dim=1)).rad2deg()
    weight = (first.square().sum(dim=1) * second.square().sum(dim=1)) ** 0.25
    return ((weight * angle).sum(dim=(1, 2)) / weight.sum(dim=(1, 2))).float()


def _chroma(image: Tensor) -> Tensor:
    """`(N, 3, H, W)` to coordinates in the plane at right angles to gray, `(N, 2, H, W)` float64."""
    red, green, blue = image.double().unbind(dim=1)
    return torch.stack([red - (green + blue) / 2, (green - blue) * 3**0.5 / 2], dim=1)


HUE_SHIFT = Metric(
    "hue_shift",
    "hue shift",
    "deg",
    2,
    -1,
    "mean angle between the hues of the 8-bit result and of the target, weighted by the root of the product of chromas",
    hue_shift,
)
