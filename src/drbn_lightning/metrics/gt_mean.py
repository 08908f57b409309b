"""How far the overall brightness is off, and what PSNR and SSIM would be if it were right (GT-mean scaling)."""

import torch
from torch import Tensor

from drbn_lightning.metrics.metric import Metric
from drbn_lightning.metrics.pixels import luminance, to_8_bit
from drbn_lightning.metrics.psnr import psnr
from drbn_lightning.metrics.ssim import ssim


def gt_mean(result: Tensor, target: Tensor, of_luminance: bool = False) -> Tensor:
    """Result scaled to the target's mean: what it would be if its overall brightness were right.

    It sees the target, so its metrics belong in columns of their own. The factor is mean(target) / mean(result), of the
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
    own, wanted = (image.double().mean(dim=(1, 2, 3), keepdim=True) for image in (first, second))
    factor = torch.where(own > 0, wanted / own, 1.0)
    return to_8_bit(rounded * factor.float())


def brightness_error(result: Tensor, target: Tensor) -> Tensor:
    """How far the overall brightness is off: the absolute logarithm of mean(result) / mean(target).

    Args:
        result: `(N, 3, H, W)`, display values, rounded to 8 bits first.
        target: `(N, 3, H, W)` in [0, 1].

    Returns:
        `(N,)`, 0 where it is right, about .1 where it is a tenth too bright or too dark; infinite for a black result.

    Example:
        >>> target = torch.full((2, 3, 1, 1), 0.4)
        >>> result = torch.stack([target[0] * 2, target[1] / 2])
        >>> [round(value, 3) for value in brightness_error(result, target).tolist()]
        [0.693, 0.693]
    """
    own, wanted = (image.double().mean(dim=(1, 2, 3)) for image in (to_8_bit(result), target))
    return (own / wanted).log().abs().float()


def psnr_gt_mean(result: Tensor, target: Tensor) -> Tensor:
    """PSNR in dB after scaling to the target's mean: see `gt_mean`."""
    return psnr(gt_mean(result, target), target)


def ssim_gt_mean(result: Tensor, target: Tensor) -> Tensor:
    """SSIM over RGB after scaling to the target's mean: see `gt_mean`."""
    return ssim(gt_mean(result, target), target)


def psnr_gt_luminance(result: Tensor, target: Tensor) -> Tensor:
    """PSNR in dB after scaling to the mean of the target's luminance: see `gt_mean`."""
    return psnr(gt_mean(result, target, of_luminance=True), target)


_SCALED = "result times mean(target) / mean(result)"
_ROUNDED = "clipped and rounded again (sees the target)"
GT_MEAN = (
    Metric(
        "psnr_gt_mean",
        "PSNR GT-mean",
        "dB",
        2,
        1,
        f"PSNR of the 8-bit {_SCALED}, means over all pixels and colours, {_ROUNDED}",
        psnr_gt_mean,
    ),
    Metric("ssim_gt_mean", "SSIM GT-mean", "", 4, 1, "SSIM of the result scaled as for PSNR GT-mean", ssim_gt_mean),
    Metric(
        "psnr_gt_luminance",
        "PSNR GT-mean Y",
        "dB",
        2,
        1,
        f"PSNR of the 8-bit {_SCALED}, means of the luminance (BT.601), {_ROUNDED}",
        psnr_gt_luminance,
    ),
)
BRIGHTNESS_ERROR = Metric(
    "brightness_error",
    "brightness error",
    "",
    3,
    -1,
    "absolute natural logarithm of mean(result) / mean(target), means over all pixels and colours of the 8-bit result",
    brightness_error,
)
