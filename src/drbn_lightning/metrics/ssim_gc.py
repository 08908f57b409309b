"""The gamma that gives an image a wanted brightness, and SSIM after that correction (SSIM-GC of the paper)."""

import torch
from torch import Tensor

from drbn_lightning.metrics.metric import Metric
from drbn_lightning.metrics.pixels import luminance, to_8_bit
from drbn_lightning.metrics.ssim import ssim
from drbn_lightning.thumbnails import LUMA

MAX_GAMMA = 64.0
"""Largest gamma that is tried; the smallest is one by it."""
STEPS = 40  # halvings of the interval of log gamma: 1e-11 is left of it


def gamma_for_mean(image: Tensor, wanted: Tensor) -> Tensor:
    """The gamma that gives each image a wanted mean luminance, by bisection.

    The mean falls with rising gamma. It follows from how much luminance lies at each of the 256 values, so that a step
    costs the same for an image of any size.

    Args:
        image: `(N, 3, H, W)`, display values, rounded to 8 bits here.
        wanted: `(N,)` mean luminances in [0, 1].

    Returns:
        `(N,)` in float64, between `1 / MAX_GAMMA` and `MAX_GAMMA`; 1 where no gamma changes the image, since it holds
        only the values 0 and 1.

    Example:
        >>> round(gamma_for_mean(torch.full((1, 3, 2, 2), 51 / 255), torch.tensor([0.2**0.5])).item(), 6)
        0.5
    """
    share = _luminance_by_value(image)
    value = torch.arange(256, dtype=torch.float64, device=image.device) / 255
    low = torch.full_like(share[:, :1], 1 / MAX_GAMMA).log()
    high = -low
    for _ in range(STEPS):
        middle = (low + high) / 2
        too_bright = (share * value ** middle.exp()).sum(dim=1, keepdim=True) > wanted.to(share)[:, None]
        low, high = torch.where(too_bright, middle, low), torch.where(too_bright, high, middle)
    is_fixed = share[:, 1:-1].sum(dim=1) == 0
    return torch.where(is_fixed, 1.0, ((low + high) / 2).exp()[:, 0])


def gamma_corrected(image: Tensor, wanted: Tensor) -> Tensor:
    """Each image, in 8 bits, under the gamma that gives it a wanted mean luminance: see `gamma_for_mean`."""
    gamma = gamma_for_mean(image, wanted)
    return to_8_bit(image) ** gamma.float()[:, None, None, None]


def ssim_gc(result: Tensor, target: Tensor) -> Tensor:
    """SSIM over RGB of each image after gamma correction: the result under the gamma that gives it the target's mean.

    NOTE: the paper does not say how it chooses gamma. Ours gives the result the target's mean luminance, so it sees
    the target.

    Args:
        result: `(N, 3, H, W)`, display values, rounded to 8 bits before and after the correction.
        target: `(N, 3, H, W)` in [0, 1].

    Returns:
        `(N,)`; not a number where a side is below 6 pixels.

    Example:
        >>> target = torch.linspace(0, 1, 256).view(1, 1, 16, 16).expand(1, 3, 16, 16)
        >>> round(ssim_gc(target**2, target).item(), 2)
        1.0
    """
    return ssim(gamma_corrected(result, luminance(target).mean(dim=(1, 2, 3))), target)


def _luminance_by_value(image: Tensor) -> Tensor:
    """Share of the pixels that have each of the 256 values, weighted by colour: `(N, 256)` in float64, of sum 1."""
    values = (to_8_bit(image) * 255).round().long().flatten(2)
    counts = [torch.stack([row.bincount(minlength=256) for row in rows]) for rows in values]
    weights = torch.tensor(LUMA, dtype=torch.float64, device=image.device)
    return torch.einsum("ncv,c->nv", torch.stack(counts).double(), weights) / max(1, values.shape[-1])


SSIM_GC = Metric(
    "ssim_gc",
    "SSIM-GC",
    "",
    4,
    1,
    "SSIM over RGB after gamma correction, with the gamma that gives the 8-bit result the target's mean luminance "
    "(sees the target; the paper does not say how it chooses gamma)",
    ssim_gc,
)
