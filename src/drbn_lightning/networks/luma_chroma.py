"""Residual bands added up in luma and chroma and not in red, green and blue.

Legend of dimensions: N images, 3 colours, H x W pixels.
"""

import torch
from torch import Tensor

from drbn_lightning.bands import ResidualBands, recompose
from drbn_lightning.thumbnails import LUMA

DARKEST, BRIGHTEST = 1 / 255, 254 / 255
"""Where a value counts as neither black nor burnt out in 8 bits."""


def recompose_luma_chroma(residuals: ResidualBands, recomposition_weights: ResidualBands) -> Tensor:
    """Add residual bands up, the luma of each times one weight and all its colour differences times another.

    Weights of one leave the bands as they are, bit by bit. What is gray stays gray, whatever the weights. A pixel whose
    colours would leave the range that 8 bits show, further than those of the plain sum do, keeps its hue: its luma
    stops at the end of the range, and its chroma shrinks to what fits.

    Args:
        residuals: three bands `(N, 3, H, W)`.
        recomposition_weights: three maps `(N, C, H, W)`; their first channel weighs luma, their last one chroma.

    Returns:
        The image, `(N, 3, H, W)`.

    Example:
        >>> gray = 0.1 + 0.5 * torch.rand(1, 1, 2, 2).expand(1, 3, 2, 2)
        >>> weight = torch.tensor([0.5, 3.0]).view(1, 2, 1, 1)
        >>> image = recompose_luma_chroma(ResidualBands(gray, gray, gray), ResidualBands(weight, weight, weight))
        >>> torch.allclose(image, 1.5 * gray)
        True
    """
    parts = []
    for weight, band in zip(recomposition_weights, residuals, strict=True):
        luma_weight, chroma_weight = weight[:, :1], weight[:, -1:]
        parts.append(chroma_weight * band + (luma_weight - chroma_weight) * luma(band))
    return within_range(parts[0] + parts[1] + parts[2], recompose(residuals))


def within_range(image: Tensor, reference: Tensor) -> Tensor:
    """Bring pixels back into the range that 8 bits show, or as far beyond it as those of a reference are.

    Luma stops at the end of the range, chroma shrinks to what fits: hues stay. Pixels inside keep every bit.

    Args:
        image: `(N, 3, H, W)` display values.
        reference: `(N, 3, H, W)`; what is black or burnt out there may be so in the result.
    """
    lowest = reference.amin(dim=1, keepdim=True).clamp(max=DARKEST)
    highest = reference.amax(dim=1, keepdim=True).clamp(min=BRIGHTEST)
    darkest, brightest = image.amin(dim=1, keepdim=True), image.amax(dim=1, keepdim=True)
    shade = luma(image)
    kept = torch.minimum(torch.maximum(shade, lowest), highest)
    upwards = (highest - kept) / (brightest - shade).clamp(min=1e-6)
    downwards = (kept - lowest) / (shade - darkest).clamp(min=1e-6)
    mapped = kept + torch.minimum(upwards, downwards).clamp(max=1) * (image - shade)
    return torch.where((brightest > highest) | (darkest < lowest), mapped, image)


def luma(image: Tensor) -> Tensor:
    """Luma of display values (ITU-R BT.601), `(..., 3, H, W)` to `(..., 1, H, W)`."""
    red, green, blue = image.chunk(3, dim=-3)
    return LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue
