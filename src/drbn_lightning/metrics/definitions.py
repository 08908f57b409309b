"""Every measure beside the words that define it, for tables and reports."""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

from drbn_lightning.metrics.fidelity import gt_mean, psnr, ssim, ssim_gray
from drbn_lightning.metrics.ssim_gc import ssim_gc


class Metric(NamedTuple):
    """A measure of pictures.

    Attributes:
        name: key in files and configurations.
        title: heading of a column.
        unit: of the figures, empty where there is none.
        decimals: digits that a table shows.
        higher_is_better: the direction of better; None where neither is.
        definition: what exactly is computed, to be printed below a table.
        function: from results and targets, or from results alone, `(N, 3, H, W)` each, to figures `(N,)`.
    """

    name: str
    title: str
    unit: str
    decimals: int
    higher_is_better: bool | None
    definition: str
    function: Callable[..., Tensor]


def psnr_gt_mean(result: Tensor, target: Tensor) -> Tensor:
    """PSNR in dB after scaling to the target's mean: see `gt_mean`."""
    return psnr(gt_mean(result, target), target)


def ssim_gt_mean(result: Tensor, target: Tensor) -> Tensor:
    """SSIM over RGB after scaling to the target's mean: see `gt_mean`."""
    return ssim(gt_mean(result, target), target)


def psnr_gt_luminance(result: Tensor, target: Tensor) -> Tensor:
    """PSNR in dB after scaling to the mean of the target's luminance: see `gt_mean`."""
    return psnr(gt_mean(result, target, of_luminance=True), target)


_WINDOW = "Gaussian window of 11 pixels, sigma 1.5, reflected borders"
_SCALED = "result times mean(target) / mean(result)"

PSNR = Metric("psnr", "PSNR", "dB", 2, True, "over RGB, result rounded to 8 bits", psnr)
SSIM = Metric("ssim", "SSIM", "", 4, True, f"mean over RGB, {_WINDOW}, result rounded to 8 bits", ssim)
SSIM_GRAY = Metric(
    "ssim_gray", "SSIM gray", "", 4, True, f"of the luminance (BT.601) of the 8-bit result, {_WINDOW}", ssim_gray
)
SSIM_GC = Metric(
    "ssim_gc",
    "SSIM-GC",
    "",
    4,
    True,
    "SSIM over RGB after gamma correction, with the gamma that gives the 8-bit result the target's mean luminance "
    "(sees the target; the paper does not say how it chooses gamma)",
    ssim_gc,
)
PSNR_GT_MEAN = Metric(
    "psnr_gt_mean",
    "PSNR GT-mean",
    "dB",
    2,
    True,
    f"PSNR of the 8-bit {_SCALED}, means over all pixels and colours, clipped and rounded again (sees the target)",
    psnr_gt_mean,
)
SSIM_GT_MEAN = Metric(
    "ssim_gt_mean", "SSIM GT-mean", "", 4, True, "SSIM of the result scaled as for PSNR GT-mean", ssim_gt_mean
)
PSNR_GT_LUMINANCE = Metric(
    "psnr_gt_luminance",
    "PSNR GT-mean Y",
    "dB",
    2,
    True,
    f"PSNR of the 8-bit {_SCALED}, means of the luminance (BT.601), clipped and rounded again (sees the target)",
    psnr_gt_luminance,
)

FULL_REFERENCE = (PSNR, SSIM, SSIM_GRAY, SSIM_GC, PSNR_GT_MEAN, SSIM_GT_MEAN, PSNR_GT_LUMINANCE)
"""Measures against a target that need nothing installed or downloaded."""


def definitions(metrics: tuple[Metric, ...], border: int = 0) -> str:
    """One line for each measure: title, unit and definition; `border` pixels were shaved off each side.

    Example:
        >>> definitions((PSNR,), border=10)
        'PSNR in dB: over RGB, result rounded to 8 bits; higher is better; 10 pixels shaved off each side'
    """
    better = {True: "; higher is better", False: "; lower is better", None: ""}
    shaving = f"; {border} pixels shaved off each side" if border else ""
    return "\n".join(
        f"{metric.title}{f' in {metric.unit}' if metric.unit else ''}: {metric.definition}"
        f"{better[metric.higher_is_better]}{shaving}"
        for metric in metrics
    )
