"""Structural similarity, of colour and of luminance, defined in one place for validation and evaluation alike.

As PSNR it is that of what a person would save: the result clipped to [0, 1] and rounded to 8 bits first.
"""

import torch
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from drbn_lightning.metrics.metric import Metric
from drbn_lightning.metrics.pixels import luminance, to_8_bit

SSIM_WINDOW = 11


def ssim(result: Tensor, target: Tensor) -> Tensor:
    """SSIM of each image, as torchmetrics computes it: Gaussian 11, sigma 1.5, reflected borders, mean over RGB.

    NOTE: the loss of stage 1 pads with zeros and does not round; its values differ in the third digit.

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
    """SSIM of each image's luminance, which is not rounded again; otherwise as `ssim`.

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


def _ssim(result: Tensor, target: Tensor) -> Tensor:
    """SSIM of each of `(N, C, H, W)`, mean over C; `(N,)`."""
    if min(result.shape[-2:]) <= SSIM_WINDOW // 2:
        return torch.full((result.shape[0],), torch.nan, device=result.device)
    with torch.autocast(result.device.type, enabled=False):  # in bfloat16 the value is nonsense
        value = structural_similarity_index_measure(
            result, target.float(), data_range=1.0, kernel_size=SSIM_WINDOW, sigma=1.5, reduction="none"
        )
    assert isinstance(value, Tensor)  # a pair only where the full map is asked for
    return value.reshape(-1)


_WINDOW = "Gaussian window of 11 pixels, sigma 1.5, reflected borders"
SSIM = Metric("ssim", "SSIM", "", 4, 1, f"mean over RGB, {_WINDOW}, result rounded to 8 bits", ssim)
SSIM_GRAY = Metric(
    "ssim_gray", "SSIM gray", "", 4, 1, f"of the luminance (BT.601) of the 8-bit result, {_WINDOW}", ssim_gray
)
