"""The band algebra: pure functions between bands, residual bands and images.

Legend of dimensions, used by the whole package: N images, C = 3 colours (RGB), H x W full resolution.
"""

from typing import Literal, NamedTuple

from torch import Tensor
from torch.nn import functional

Downsampling = Literal["area", "stride"]


class Bands(NamedTuple):
    """One image at three resolutions, as a recursion of DRBN estimates it.

    `full` is `(N, C, H, W)`, `half` is `(N, C, ceil(H/2), ceil(W/2))` and `quarter` is
    `(N, C, ceil(H/4), ceil(W/4))`. Values are unclamped display values; 0 is black and 1 is white.
    """

    full: Tensor
    half: Tensor
    quarter: Tensor


class ResidualBands(NamedTuple):
    """What each resolution adds to the one below it, every band `(N, C, H, W)`; their sum is the full band."""

    base: Tensor
    middle: Tensor
    detail: Tensor


def upsample(image: Tensor, factor: int, size: tuple[int, int] | None = None) -> Tensor:
    """Enlarge bilinearly with half-pixel centres (F_U of the paper), cut to `size` where one is given.

    Args:
        image: `(N, C, h, w)`.
        factor: enlargement of height and width.
        size: height and width to cut the result to, at most `(h * factor, w * factor)`.

    Returns:
        `(N, C, h * factor, w * factor)`, or `(N, C, *size)`.

    Example:
        >>> import torch
        >>> upsample(torch.ones(1, 3, 2, 2), 2, (3, 4)).shape
        torch.Size([1, 3, 3, 4])
    """
    large = functional.interpolate(image, scale_factor=factor, mode="bilinear", align_corners=False)
    return large if size is None else large[..., : size[0], : size[1]]


def decompose(bands: Bands, *, chained: bool = False) -> ResidualBands:
    """Split bands into residual bands, all at full resolution.

    Args:
        bands: three resolutions of one image.
        chained: enlarge the quarter band by two steps of 2 (the paper's reading) and not by one step of 4
            (the released code).

    Returns:
        base, middle and detail, which `recompose` adds up to `bands.full` exactly but for rounding.

    Example:
        >>> import torch
        >>> bands = Bands(torch.rand(1, 3, 8, 8), torch.rand(1, 3, 4, 4), torch.rand(1, 3, 2, 2))
        >>> torch.allclose(recompose(decompose(bands)), bands.full)
        True
    """
    height, width = bands.full.shape[-2:]
    half = upsample(bands.half, 2, (height, width))
    if chained:
        half_height, half_width = bands.half.shape[-2:]
        base = upsample(upsample(bands.quarter, 2, (half_height, half_width)), 2, (height, width))
    else:
        base = upsample(bands.quarter, 4, (height, width))
    return ResidualBands(base, half - base, bands.full - half)


def recompose(residuals: ResidualBands, recomposition_weights: ResidualBands | None = None) -> Tensor:
    """Add residual bands up, each times its weight map (paper: the sum of w_i and band i); without weights, plainly.

    Args:
        residuals: three bands `(N, C, H, W)`.
        recomposition_weights: three maps that broadcast against the bands.

    Returns:
        The image, `(N, C, H, W)`.
    """
    if recomposition_weights is None:
        return residuals.base + residuals.middle + residuals.detail
    weighted = [weight * band for weight, band in zip(recomposition_weights, residuals, strict=True)]
    return weighted[0] + weighted[1] + weighted[2]


def targets(normal: Tensor, downsampling: Downsampling = "area") -> Bands:
    """Bring a target to the three resolutions (F_D of the paper).

    Args:
        normal: `(N, C, H, W)`.
        downsampling: `area` averages, `stride` takes every second and every fourth pixel (released code).

    Returns:
        The target as bands; odd sizes round up, as the network's own bands do.

    Raises:
        ValueError: `downsampling` is neither of the two.

    Example:
        >>> import torch
        >>> [tuple(band.shape[-2:]) for band in targets(torch.rand(1, 3, 37, 41))]
        [(37, 41), (19, 21), (10, 11)]
    """
    if downsampling == "stride":
        return Bands(normal, normal[..., ::2, ::2], normal[..., ::4, ::4])
    if downsampling != "area":
        raise ValueError(f"downsampling is {downsampling!r}; use 'area' or 'stride'")
    return Bands(normal, _area(normal, 2), _area(normal, 4))


def _area(image: Tensor, factor: int) -> Tensor:
    """Mean of each `factor` x `factor` tile; tiles at the right and lower border may be smaller."""
    return functional.avg_pool2d(image, factor, ceil_mode=True)
