"""Fidelity to a target: PSNR and SSIM, defined in one place for validation and evaluation alike.

All judge what a person would save: the result clipped to [0, 1] and rounded to 8 bits, before anything else is done to
it. So a saved result has the same figures as the network that made it.
"""

import torch
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from drbn_lightning.thumbnails import LUMA

SSIM_WINDOW = 11


def to_8_bit(picture: Tensor) -> Tensor:
    """Clip to [0, 1] and round to the 256 values of an 8-bit picture, still as float32 in [0, 1].

    Example:
        >>> to_8_bit(torch.tensor([-0.2, 0.5, 1.7])).tolist()
        [0.0, 0.501960813999176, 1.0]
    """
    return (picture.float().clamp(0, 1) * 255).round() / 255


def psnr(result: Tensor, target: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of each picture in dB, over RGB, after rounding the result to 8 bits.

    Args:
        result: `(N, 3, H, W)`, display values.
        target: `(N, 3, H, W)` in [0, 1].

    Returns:
        `(N,)`; infinite where result and target are equal.

    Example:
        >>> psnr(torch.zeros(1, 3, 4, 4), torch.full((1, 3, 4, 4), 0.1)).tolist()
        [20.0]
    """
    error = (to_8_bit(result).double() - target.double()).square().mean(dim=(1, 2, 3))
    return (-10 * error.log10()).float()


def ssim(result: Tensor, target: Tensor) -> Tensor:
    """SSIM of each picture, as torchmetrics computes it: Gaussian 11, sigma 1.5, reflected borders, mean over RGB.

    NOTE: the loss of stage 1 pads with zeros and does not round; its figures differ in the third digit.

    Args:
        result: `(N, 3, H, W)`, display values, rounded to 8 bits here.
        target: `(N, 3, H, W)` in [0, 1].

    Returns:
        `(N,)`; not a number where a side is below 6 pixels, too small to be reflected.

    Example:
        >>> ssim(torch.ones(1, 3, 16, 16), torch.ones(1, 3, 16, 16)).tolist()
        [1.0]
    """
    return _ssim(to_8_bit(result), target)


def ssim_gray(result: Tensor, target: Tensor) -> Tensor:
    """SSIM of each picture's luminance, which is not rounded again; otherwise as `ssim`.

    Args:
        result: `(N, 3, H, W)`, display values, rounded to 8 bits here.
        target: `(N, 3, H, W)` in [0, 1].

    Returns:
        `(N,)`; not a number where a side is below 6 pixels.

    Example:
        >>> ssim_gray(torch.ones(1, 3, 16, 16), torch.ones(1, 3, 16, 16)).tolist()
        [1.0]
    """
    return _ssim(luminance(to_8_bit(result)), luminance(target))


def luminance(picture: Tensor) -> Tensor:
    """Luminance Y of display values by BT.601: `(N, 3, H, W)` to `(N, 1, H, W)`.

    Example:
        >>> luminance(torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)).item()
        0.29899999499320984
    """
    weights = torch.tensor(LUMA, device=picture.device)
    return torch.einsum("nchw,c->nhw", picture.float(), weights)[:, None]


def gt_mean(result: Tensor, target: Tensor, of_luminance: bool = False) -> Tensor:
    """Result scaled to the target's mean: what it would be if its overall brightness were right.

    It sees the target, so its figures belong in columns of their own. The factor is mean(target) / mean(result), of the
    result in 8 bits; a black result stays black.

    Args:
        result: `(N, 3, H, W)`, display values, rounded to 8 bits first.
        target: `(N, 3, H, W)` in [0, 1].
        of_luminance: take the means of the luminance, and not of all pixels and colours.

    Returns:
        `(N, 3, H, W)`, clipped and rounded to 8 bits.

    Example:
        >>> gt_mean(torch.full((1, 3, 1, 1), 0.2), torch.full((1, 3, 1, 1), 0.6)).unique().item()
        0.6000000238418579
    """
    rounded = to_8_bit(result)
    first, second = (luminance(rounded), luminance(target)) if of_luminance else (rounded, target)
    own, wanted = (picture.double().mean(dim=(1, 2, 3), keepdim=True) for picture in (first, second))
    factor = torch.where(own > 0, wanted / own, 1.0)
    return to_8_bit(rounded * factor.float())


def shaved(picture: Tensor, border: int) -> Tensor:
    """Picture without `border` pixels on each side: `(N, C, H - 2 border, W - 2 border)`.

    Nothing is left of a picture with a side of at most `2 border`; all figures of it are not numbers.

    Raises:
        ValueError: `border` is negative.

    Example:
        >>> shaved(torch.zeros(1, 3, 30, 40), 10).shape
        torch.Size([1, 3, 10, 20])
    """
    if border < 0:
        raise ValueError(f"a border of {border} pixels cannot be shaved")
    height, width = picture.shape[-2:]
    return picture[..., border : max(border, height - border), border : max(border, width - border)]


def _ssim(result: Tensor, target: Tensor) -> Tensor:
    """SSIM of each of `(N, C, H, W)`, mean over C; `(N,)`."""
    if min(result.shape[-2:]) <= SSIM_WINDOW // 2:
        return torch.full((result.shape[0],), torch.nan, device=result.device)
    with torch.autocast(result.device.type, enabled=False):  # in bfloat16 the figure is nonsense
        value = structural_similarity_index_measure(
            result, target.float(), data_range=1.0, kernel_size=SSIM_WINDOW, sigma=1.5, reduction="none"
        )
    assert isinstance(value, Tensor)  # a pair only where the full map is asked for
    return value.reshape(-1)
