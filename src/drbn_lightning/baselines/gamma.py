"""One power for all pixels and colours: chosen for a data set by its targets, or for each image by its brightness."""

import torch
from torch import Tensor

from drbn_lightning.metrics.ssim_gc import gamma_corrected
from drbn_lightning.types import TensorMethod

GAMMAS = tuple(round(0.05 * step, 2) for step in range(1, 41))
AUTO_MEAN = 0.42
"""Mean luminance that `auto_gamma` gives every image: the mean that the networks start from by default."""


def gamma_curve(low: Tensor, gamma: float) -> Tensor:
    """Brighten display values by one power for all pixels and colours.

    Example:
        >>> gamma_curve(torch.tensor([0.25]), 0.5).item()
        0.5
    """
    return low.clamp(0, 1) ** gamma


class GammaSearch:
    """Finds the gamma that gives the highest mean PSNR over a whole data set: the best that one curve can do.

    It sees the targets, so it is an upper bound and no method. Low images must have 8-bit values; then the error of
    every gamma follows from sums over the pixels of each value, and one pass is enough.
    """

    def __init__(self) -> None:
        """Start with no image seen."""
        values = torch.arange(256, dtype=torch.float64) / 255
        self.curves = torch.stack([(values**gamma * 255).round() / 255 for gamma in GAMMAS])
        self._sum, self._count = torch.zeros(len(GAMMAS), dtype=torch.float64), 0

    def add(self, lows: Tensor, normals: Tensor) -> None:
        """Add images and their targets, `(N, 3, H, W)` in [0, 1]."""
        for low, normal in zip(lows, normals, strict=True):
            value = (low * 255).round().long().flatten().cpu()
            target = normal.double().flatten().cpu()
            count = torch.bincount(value, minlength=256).double()
            total = torch.bincount(value, weights=target, minlength=256)
            squares = target.square().sum()
            error = (count * self.curves**2 - 2 * total * self.curves).sum(dim=1) + squares
            self._sum += -10 * (error / target.numel()).clamp(min=1e-12).log10()
            self._count += 1

    def best(self) -> float:
        """The gamma with the highest mean PSNR."""
        return GAMMAS[int(self._sum.argmax())]


def gamma_method(gamma: float) -> TensorMethod:
    """One gamma curve for all images."""
    return lambda low, thumbnail: gamma_curve(low, gamma)


def auto_gamma(low: Tensor, thumbnail: Tensor) -> Tensor:
    """Each image under the gamma that gives it the mean luminance `AUTO_MEAN`."""
    return gamma_corrected(low, torch.full((len(low),), AUTO_MEAN))
