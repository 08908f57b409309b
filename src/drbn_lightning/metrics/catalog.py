"""The columns of an evaluation: which measures, in which order, of which part of the picture."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from torch import Tensor

from drbn_lightning.errors import DRBNError
from drbn_lightning.metrics import definitions
from drbn_lightning.metrics.definitions import Metric
from drbn_lightning.metrics.fidelity import shaved

BETTER = {True: 1, False: -1, None: 0}
DIRECTIONS = {1: "higher is better", -1: "lower is better", 0: ""}
GT_MEAN = (definitions.PSNR_GT_MEAN, definitions.SSIM_GT_MEAN, definitions.PSNR_GT_LUMINANCE)
WITHOUT_WEIGHTS = {
    "psnr": (definitions.PSNR,),
    "ssim": (definitions.SSIM,),
    "ssim_gray": (definitions.SSIM_GRAY,),
    "ssim_gc": (definitions.SSIM_GC,),
    "gt_mean": GT_MEAN,
}
"""Measures against a target that need no network, by their names in the configuration."""


class Measure(NamedTuple):
    """One column.

    `of` maps a result of 8-bit values and its target, both `(1, 3, H, W)`, to a figure. `better` is 1 where more is
    better, -1 where less is and 0 where neither is. A measure that needs no target ignores it.
    """

    key: str
    title: str
    digits: int
    better: int
    definition: str
    of: Callable[[Tensor, Tensor], Tensor]
    needs_target: bool = True


def measure(metric: Metric) -> Measure:
    """A measure against a target as a column."""
    direction = BETTER[metric.higher_is_better]
    title = f"{metric.title} {metric.unit}".strip()
    return Measure(metric.name, title, metric.decimals, direction, metric.definition, metric.function)


def without_target(metric: Metric) -> Measure:
    """A measure of the result alone as a column."""
    return measure(metric)._replace(of=lambda result, target: metric.function(result), needs_target=False)


def without_border(metric: Metric, border: int) -> Measure:
    """A measure of the picture without its border, as a column of its own."""

    def figure(result: Tensor, target: Tensor) -> Tensor:
        return metric.function(shaved(result, border), shaved(target, border))

    whole = measure(metric)
    return whole._replace(
        key=f"{whole.key}_shaved",
        title=f"{whole.title}, {border} px shaved",
        definition=f"{whole.definition}; {border} pixels left out at each side",
        of=figure,
    )


def choose_measures(names: Sequence[str], shave: int = 0) -> list[Measure]:
    """The measures of these names that need no weights, in their order; then those without the border.

    Args:
        names: keys of `WITHOUT_WEIGHTS`; `lpips` is left to those who have its weights.
        shave: pixels to leave out at each side in two more columns; 0 for no such columns.

    Raises:
        DRBNError: a name is unknown, or `shave` is negative.

    Example:
        >>> [one.title for one in choose_measures(["psnr"], shave=10)]
        ['PSNR dB', 'PSNR dB, 10 px shaved', 'SSIM, 10 px shaved']
    """
    if shave < 0:
        raise DRBNError(f"shave={shave} is negative; give the pixels to leave out at each side, or 0")
    unknown = [name for name in names if name not in (*WITHOUT_WEIGHTS, "lpips")]
    if unknown:
        raise DRBNError(f"measures holds {unknown[0]!r}; there are {', '.join(WITHOUT_WEIGHTS)}, lpips")
    found = [measure(metric) for name in names if name != "lpips" for metric in WITHOUT_WEIGHTS[name]]
    cut = (definitions.PSNR, definitions.SSIM) if shave else ()
    return found + [without_border(metric, shave) for metric in cut]


def define(one: Measure) -> str:
    """Title, definition and direction in one line.

    Example:
        >>> define(measure(definitions.PSNR))
        'PSNR dB: over RGB, result rounded to 8 bits; higher is better'
    """
    direction = DIRECTIONS[one.better]
    return f"{one.title}: {one.definition}" + (f"; {direction}" if direction else "")
