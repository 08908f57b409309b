"""Residual bands added up in luma and chroma and not in red, green and blue.

Legend of dimensions: N images, 3 colours, H x W pixels.
"""

from torch import Tensor

from drbn_lightning.bands import ResidualBands
from drbn_lightning.thumbnails import LUMA


def recompose_luma_chroma(residuals: ResidualBands, recomposition_weights: ResidualBands) -> Tensor:
    """Add residual bands up, the luma of each times one weight and all its colour differences times another.

    Weights of one leave the bands as they are, bit by bit. What is gray stays gray, whatever the weights.

    Args:
        residuals: three bands `(N, 3, H, W)`.
        recomposition_weights: three maps `(N, C, H, W)`; their first channel weighs luma, their last one chroma.

    Returns:
        The image, `(N, 3, H, W)`.

    Example:
        >>> import torch
        >>> gray, weight = torch.rand(1, 1, 2, 2).expand(1, 3, 2, 2), torch.tensor([0.5, 3.0]).view(1, 2, 1, 1)
        >>> image = recompose_luma_chroma(ResidualBands(gray, gray, gray), ResidualBands(weight, weight, weight))
        >>> torch.allclose(image, 1.5 * gray)
        True
    """
    parts = []
    for weight, band in zip(recomposition_weights, residuals, strict=True):
        luma_weight, chroma_weight = weight[:, :1], weight[:, -1:]
        parts.append(chroma_weight * band + (luma_weight - chroma_weight) * luma(band))
    return parts[0] + parts[1] + parts[2]


def luma(image: Tensor) -> Tensor:
    """Luma of display values (ITU-R BT.601), `(..., 3, H, W)` to `(..., 1, H, W)`."""
    red, green, blue = image.chunk(3, dim=-3)
    return LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue
