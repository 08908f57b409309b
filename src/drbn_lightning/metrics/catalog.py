"""The columns of an evaluation: which metrics, in which order; none is left out without a word."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from torch import Tensor

from drbn_lightning.errors import DRBNError
from drbn_lightning.metrics.gt_mean import BRIGHTNESS_ERROR, GT_MEAN
from drbn_lightning.metrics.hue import HUE_SHIFT
from drbn_lightning.metrics.lpips import lpips_metric
from drbn_lightning.metrics.metric import Metric
from drbn_lightning.metrics.no_reference import BY_PYIQA, NO_REFERENCE, pyiqa_metric
from drbn_lightning.metrics.pixels import shaved
from drbn_lightning.metrics.psnr import PSNR
from drbn_lightning.metrics.ssim import SSIM, SSIM_GRAY
from drbn_lightning.metrics.ssim_gc import SSIM_GC

FULL_REFERENCE = {
    "psnr": (PSNR,),
    "ssim": (SSIM,),
    "ssim_gray": (SSIM_GRAY,),
    "ssim_gc": (SSIM_GC,),
    "gt_mean": GT_MEAN,
    "brightness_error": (BRIGHTNESS_ERROR,),
    "hue_shift": (HUE_SHIFT,),
}
"""Metrics against a target that need no weights, by their names in the configuration; `lpips` comes beside them."""


class Columns(NamedTuple):
    """What is measured where there are targets and where there are none, and one line for each that cannot be."""

    with_target: list[Metric]
    without_target: list[Metric]
    absent: list[str]

    @property
    def all(self) -> list[Metric]:
        """Every metric once."""
        return self.with_target + [metric for metric in self.without_target if metric not in self.with_target]


def choose_columns(
    names: Sequence[str],
    shave: int = 0,
    lpips: Mapping[str, Any] | None = None,
    no_reference: Sequence[str] = (),
    parameters: Mapping[str, Any] | None = None,
) -> Columns:
    """All columns of an evaluation.

    Args:
        names: see `choose_metrics`; with `lpips` LPIPS too, where its backbone's weights can be had.
        shave: see `choose_metrics`.
        lpips: `backbone` and `weights`, a file or None.
        no_reference: metrics that need no target, for pairs too; photos without targets always have the plain ones.
        parameters: files of the parameters of such metrics, by name.

    Raises:
        DRBNError: a name is unknown, what was asked for by name cannot be had, or a file cannot be read.
    """
    names = [names] if isinstance(names, str) else names
    no_reference = [no_reference] if isinstance(no_reference, str) else no_reference
    chosen, absent = choose_metrics(names, shave), list[str]()
    if "lpips" in names:
        try:
            chosen.append(lpips_metric(**(lpips or {})))
        except DRBNError as error:
            if lpips and lpips.get("weights"):
                raise
            absent.append(f"LPIPS is not measured: {error}")
    asked = [_no_reference(name, (parameters or {}).get(name)) for name in no_reference]
    plain = [metric for name, metric in NO_REFERENCE.items() if name not in no_reference]
    return Columns(chosen + asked, asked + plain, absent)


def choose_metrics(names: Sequence[str], shave: int = 0) -> list[Metric]:
    """The metrics of these names that need no weights, in their order; then those without the border.

    Args:
        names: keys of `FULL_REFERENCE`; `lpips` is left to those who have its weights.
        shave: pixels to leave out at each side in two more columns; 0 for no such columns.

    Raises:
        DRBNError: a name is unknown, or `shave` is negative.

    Example:
        >>> [metric.heading for metric in choose_metrics(["psnr"], shave=10)]
        ['PSNR dB', 'PSNR dB, 10 px shaved', 'SSIM, 10 px shaved']
    """
    if shave < 0:
        raise DRBNError(f"shave={shave} is negative; give the pixels to leave out at each side, or 0")
    unknown = [name for name in names if name not in (*FULL_REFERENCE, "lpips")]
    if unknown:
        raise DRBNError(f"metrics holds {unknown[0]!r}; there are {', '.join(FULL_REFERENCE)}, lpips")
    chosen = [metric for name in names if name != "lpips" for metric in FULL_REFERENCE[name]]
    return chosen + [without_border(metric, shave) for metric in ((PSNR, SSIM) if shave else ())]


def without_border(metric: Metric, border: int) -> Metric:
    """A metric of the image without its border (pixels), as a column of its own."""

    def function(result: Tensor, target: Tensor) -> Tensor:
        return metric.function(shaved(result, border), shaved(target, border))

    return metric._replace(
        key=f"{metric.key}_shaved",
        title=f"{metric.heading}, {border} px shaved",
        unit="",
        definition=f"{metric.definition}; {border} pixels left out at each side",
        function=function,
    )


def _no_reference(name: str, parameters: str | None) -> Metric:
    if name in NO_REFERENCE:
        return NO_REFERENCE[name]
    if name not in BY_PYIQA:
        raise DRBNError(f"no_reference holds {name!r}; there are {', '.join([*NO_REFERENCE, *BY_PYIQA])}")
    return pyiqa_metric(name, parameters)
