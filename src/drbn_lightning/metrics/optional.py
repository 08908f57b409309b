"""Columns that need weights or packages which may be missing: nothing is left out without a word."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from drbn_lightning.errors import DRBNError
from drbn_lightning.metrics.catalog import Measure, choose_measures, measure, without_target
from drbn_lightning.metrics.lpips import lpips_metric
from drbn_lightning.metrics.no_reference import KNOWN, NO_REFERENCE, pyiqa_metric

PLAIN = {metric.name: metric for metric in NO_REFERENCE}


class Columns(NamedTuple):
    """What is measured where there are targets and where there are none, and one line for each that cannot be."""

    with_target: list[Measure]
    bare: list[Measure]
    absent: list[str]

    @property
    def all(self) -> list[Measure]:
        """Every measure once."""
        return self.with_target + [one for one in self.bare if one not in self.with_target]


def choose_columns(
    names: Sequence[str],
    shave: int = 0,
    lpips: Mapping[str, Any] | None = None,
    no_reference: Sequence[str] = (),
    parameters: Mapping[str, Any] | None = None,
) -> Columns:
    """All columns of an evaluation.

    Args:
        names: see `choose_measures`; with `lpips` LPIPS too, where its backbone's weights can be had.
        shave: see `choose_measures`.
        lpips: `backbone` and `weights`, a file or None.
        no_reference: measures that need no target, for pairs too; photos without targets always have the plain ones.
        parameters: files of the parameters of such measures, by name.

    Raises:
        DRBNError: a name is unknown, what was asked for by name cannot be had, or a file cannot be read.
    """
    names = [names] if isinstance(names, str) else names
    no_reference = [no_reference] if isinstance(no_reference, str) else no_reference
    found, absent = choose_measures(names, shave), list[str]()
    if "lpips" in names:
        try:
            found.append(measure(lpips_metric(**(lpips or {}))))
        except DRBNError as error:
            if lpips and lpips.get("weights"):
                raise
            absent.append(f"LPIPS is not measured: {error}")
    asked = [_without_reference(name, (parameters or {}).get(name)) for name in no_reference]
    plain = [without_target(metric) for name, metric in PLAIN.items() if name not in no_reference]
    return Columns(found + asked, asked + plain, absent)


def _without_reference(name: str, parameters: str | None) -> Measure:
    if name in PLAIN:
        return without_target(PLAIN[name])
    if name not in KNOWN:
        raise DRBNError(f"no_reference holds {name!r}; there are {', '.join([*PLAIN, *KNOWN])}")
    return without_target(pyiqa_metric(name, parameters))
