"""What is measured of an image: its 8-bit values, its luminance, all of it or what lies within a border."""

import torch
from torch import Tensor

from drbn_lightning.thumbnails import LUMA


def to_8_bit(image: Tensor) -> Tensor:
    """Clip to [0, 1] and round to the 256 values of an 8-bit image, still as float32 in [0, 1].

    Example:
        >>> to_8_bit(torch.tensor([-0.2, 0.5, 1.7])).tolist()
        [0.0, 0.501960813999176, 1.0]
    """
    return (image.float().clamp(0, 1) * 255).round() / 255


def luminance(image: Tensor) -> Tensor:
    """Luminance Y of display values by BT.601: `(N, 3, H, W)` to `(N, 1, H, W)`.

    Example:
        >>> luminance(torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)).item()
        0.29899999499320984
    """
    weights = torch.tensor(LUMA, device=image.device)
    return torch.einsum("nchw,c->nhw", image.float(), weights)[:, None]


def shaved(image: Tensor, border: int) -> Tensor:
    """Image without `border` pixels on each side: `(N, C, H - 2 border, W - 2 border)`.

    Nothing is left of an image with a side of at most `2 border`; all metrics of it are not numbers.

    Raises:
        ValueError: `border` is negative.

    Example:
        >>> shaved(torch.zeros(1, 3, 30, 40), 10).shape
        torch.Size([1, 3, 10, 20])
    """
    if border < 0:
        raise ValueError(f"a border of {border} pixels cannot be shaved")
    height, width = image.shape[-2:]
    return image[..., border : max(border, height - border), border : max(border, width - border)]
