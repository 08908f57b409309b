"""Fidelity to a target: PSNR and SSIM, defined in one place for validation and evaluation alike.

Both judge what a person would save: the result clipped to [0, 1] and rounded to 8 bits.
"""

import torch
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

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
    if min(result.shape[-2:]) <= SSIM_WINDOW // 2:
        return torch.full((result.shape[0],), torch.nan, device=result.device)
    value = structural_similarity_index_measure(
        to_8_bit(result), target.float(), data_range=1.0, kernel_size=SSIM_WINDOW, sigma=1.5, reduction="none"
    )
    assert isinstance(value, Tensor)  # a pair only where the full map is asked for
    return value.reshape(-1)
