"""Reading ablations: several trainings of each variant, compared seed by seed."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from drbn_lightning.errors import DRBNError
from drbn_lightning.evaluation.report.notebook import Table


class Training(NamedTuple):
    """One training: which variant, with which seed, and its figures by name."""

    variant: str
    seed: int
    figures: dict[str, float]


class Comparison(NamedTuple):
    """What the trainings of a variant say of one figure.

    `values` are in the order of the seeds. `differences` are to the base, of the seeds that both were trained with;
    the base itself has none.
    """

    variant: str
    values: list[float]
    differences: list[float]


def read_trainings(path: Path) -> list[Training]:
    """Read a table with the columns `variant` and `seed`; every other cell that holds a number is a figure.

    Raises:
        DRBNError: the file cannot be read, or lacks a column or a seed.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file))
        return [_training(line) for line in lines]
    except (OSError, UnicodeDecodeError) as error:
        raise DRBNError(f"{path} cannot be read ({error}); name a table of trainings in CSV") from None
    except (KeyError, TypeError, ValueError) as error:
        raise DRBNError(f"{path} is no table of trainings: each row needs variant and a whole seed ({error})") from None


def compare(trainings: Sequence[Training], key: str, base: str) -> list[Comparison]:
    """Compare the variants that have a figure, in the order of the trainings.

    Two trainings with one seed see the same samples in the same order, so their difference is less noisy than they are.

    Args:
        trainings: of all variants.
        key: the figure.
        base: the variant that the others are compared with.

    Raises:
        DRBNError: the base has no such figure.

    Example:
        >>> trainings = [Training("one", 0, {"psnr": 20.0}), Training("two", 0, {"psnr": 21.5})]
        >>> compare(trainings, "psnr", "one")[1]
        Comparison(variant='two', values=[21.5], differences=[1.5])
    """
    values: dict[str, dict[int, float]] = {}
    for training in trainings:
        if key in training.figures:
            values.setdefault(training.variant, {})[training.seed] = training.figures[key]
    if base not in values:
        raise DRBNError(f"no training of {base} has the figure {key}; variants that have it: {', '.join(values)}")
    return [
        Comparison(variant, [own[seed] for seed in sorted(own)], _differences(own, values[base], variant == base))
        for variant, own in values.items()
    ]


def chance(differences: Sequence[float]) -> float:
    """How likely equally good variants give differences of one sign throughout, or 1 where the signs differ.

    Source: the two-sided sign test in its extreme case.

    Example:
        >>> chance([0.5, 0.2, 0.9]), chance([0.5, -0.2])
        (0.25, 1.0)
    """
    one_sign = all(value > 0 for value in differences) or all(value < 0 for value in differences)
    return min(1.0, 2 * 0.5 ** len(differences)) if one_sign and differences else 1.0


def comparison_table(comparisons: Sequence[Comparison], title: str, digits: int = 2) -> Table:
    """Each variant's mean, range over seeds, and differences to the base seed by seed."""
    heads = [title, "trainings", "mean", "lowest to highest", "differences, seed by seed", "their mean", "by chance"]
    return Table(heads, [_row(comparison, digits) for comparison in comparisons])


def _training(line: dict[str, str]) -> Training:
    numbers = {key: _number(value) for key, value in line.items() if key not in ("variant", "seed")}
    return Training(
        line["variant"], int(line["seed"]), {key: value for key, value in numbers.items() if value is not None}
    )


def _number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None


def _differences(own: dict[int, float], base: dict[int, float], is_base: bool) -> list[float]:
    return [] if is_base else [own[seed] - base[seed] for seed in sorted(own) if seed in base]


def _row(comparison: Comparison, digits: int) -> list[str]:
    values, differences = comparison.values, comparison.differences
    row = [comparison.variant, str(len(values)), f"{sum(values) / len(values):.{digits}f}"]
    row.append(f"{min(values):.{digits}f} to {max(values):.{digits}f}" if len(values) > 1 else "")
    if not differences:
        return [*row, "", "", ""]
    each = " ".join(f"{value:+.{digits}f}" for value in differences)
    return [*row, each, f"{sum(differences) / len(differences):+.{digits}f}", f"{100 * chance(differences):.0f} %"]
