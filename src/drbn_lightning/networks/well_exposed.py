"""Leaving images alone that are well exposed already.

Legend of dimensions: N images, C = 3 colours, H x W full resolution, S x S pixels of a thumbnail of the WHOLE image.
"""

import math

import torch
from torch import Tensor

from drbn_lightning.bands import Bands, targets
from drbn_lightning.networks.first_guess import thumbnails_of
from drbn_lightning.networks.luma_chroma import luma

FULL_STRENGTH_BELOW = 1 / 1.5
"""Share of the threshold below which an image is enhanced with full strength."""
BLACK = 0.01
"""Added to luma before its logarithm is taken."""


class WellExposed:
    """Tells well-exposed images from dark ones, and leaves them alone.

    It goes by log-average luma: of two images with the same mean, one of a dark foreground before a bright sky has
    the smaller one. Source of the measure: Reinhard et al., SIGGRAPH 2002, equation 1 (there of luminance).

    Example:
        >>> thumbnails = torch.stack([torch.full((3, 48, 48), value) for value in (0.1, 0.35, 0.5)])
        >>> strength = WellExposed(0.42).strength(thumbnails)
        >>> [round(value, 2) for value in strength.flatten().tolist()]
        [1.0, 0.44, 0.0]
    """

    def __init__(self, threshold: float | None) -> None:
        """Set the threshold.

        Args:
            threshold: log-average luma from which on an image is well exposed; None leaves no image alone.

        Raises:
            ValueError: `threshold` is not in (0, 1].
        """
        if threshold is not None and not 0 < threshold <= 1:
            raise ValueError(
                f"network.well_exposed_from is {threshold}; it must be above 0 and at most 1, or null for no threshold"
            )
        self.threshold = threshold

    def strength(self, low: Tensor, thumbnail: Tensor | None = None) -> Tensor | None:
        """How much enhancement images need: none where they are well exposed, all of it where they are dark.

        Args:
            low: the images, or crops or tiles of them, `(N, C, H, W)` in [0, 1].
            thumbnail: `(N, 3, S, S)`, of the WHOLE images, see `drbn_lightning.thumbnails`; by default those of `low`.

        Returns:
            `(N, 1, 1, 1)` in [0, 1], linear in the logarithm in between; None without a threshold.
        """
        if self.threshold is None:
            return None
        with torch.autocast(low.device.type, enabled=False):
            thumbnails = thumbnails_of(low, thumbnail)
            logarithm = (luma(thumbnails).clamp(min=0) + BLACK).log().mean(dim=(1, 2, 3), keepdim=True)
            return ((logarithm - math.log(self.threshold + BLACK)) / math.log(FULL_STRENGTH_BELOW)).clamp(0, 1)


def at_strength(bands: Bands, low: Tensor, strength: Tensor | None) -> Bands:
    """Mix the bands of enhanced images with those of the images themselves.

    Args:
        bands: of the enhanced images.
        low: the images `(N, C, H, W)`.
        strength: `(N, 1, 1, 1)`: 0 gives exactly the bands of `low`; None leaves the bands as they are.
    """
    if strength is None:
        return bands
    pairs = zip(targets(low), bands, strict=True)
    return Bands(*(torch.lerp(own.to(band.dtype), band, strength.to(band.dtype)) for own, band in pairs))
