"""What an evaluation found, as text for a terminal and as plain values for JSON."""

from collections.abc import Sequence
from typing import Any

from drbn_lightning.evaluation.summary import Difference, Result, Row, as_plain
from drbn_lightning.metrics.bootstrap import Interval
from drbn_lightning.metrics.catalog import Measure, define

INTERVALS = "in brackets: 95 % bootstrap interval of the mean over pictures; differences are paired, picture by picture"


def text(found: Result, costs: dict[str, dict[str, Any]]) -> str:
    """One data set: a row for each method, then the paired differences, then what was seen in training.

    Args:
        found: what was found.
        costs: `parameters` and `gmac` by method, where they are known.
    """
    count = len(found.pictures)
    lines = [f"{found.name}: {count} picture{'' if count == 1 else 's'}"]
    lines += _aligned(
        [_headings(found.measures), *(line for row in found.rows for line in _row(row, found.measures, costs))]
    )
    if found.differences and found.measures:
        lines += ["", *_aligned([line for one in found.differences for line in _difference(one, found.measures)])]
    lines += [f"{'warning' if note.is_warning else 'note'}: {note.method}: {note.text}" for note in found.notes]
    return "\n".join(lines)


def definitions(measures: Sequence[Measure], absent: Sequence[str]) -> str:
    """What each column means, and which are missing and why."""
    lines = [define(measure) for measure in measures]
    return "\n".join([*lines, INTERVALS, *absent])


def summary(
    results: Sequence[Result],
    methods: dict[str, dict[str, Any]],
    measures: Sequence[Measure],
    absent: Sequence[str],
    about: dict[str, Any],
) -> dict[str, Any]:
    """All that was found in plain values.

    Args:
        results: the data sets.
        methods: where each method came from and what it costs.
        measures: all that was measured.
        absent: what could not be measured, and why.
        about: versions, date, command line.
    """
    columns = {
        measure.key: {"title": measure.title, "better": measure.better, "definition": measure.definition}
        for measure in measures
    }
    return {
        **about,
        "measures": columns,
        "not_measured": list(absent),
        "intervals": INTERVALS,
        "methods": methods,
        "results": [as_plain(found) for found in results],
    }


def amount(parameters: int | None) -> str:
    """A number of parameters, short.

    Example:
        >>> amount(557_668), amount(0), amount(None)
        ('0.558 M', '0', '')
    """
    if parameters is None:
        return ""
    return f"{parameters / 1e6:.3f} M" if parameters else "0"


def bracketed(found: Interval, digits: int, sign: str = "") -> str:
    """A mean and its interval.

    Example:
        >>> bracketed(Interval(18.801, 17.2, 20.43), 2)
        '18.80 [17.20, 20.43]'
    """
    mean = f"{found.mean:{sign}.{digits}f}"
    if found.low != found.low:
        return mean
    return f"{mean} [{found.low:{sign}.{digits}f}, {found.high:{sign}.{digits}f}]"


def _headings(measures: Sequence[Measure]) -> list[str]:
    return ["method", *(measure.title for measure in measures), "parameters", "GMAC", "ms"]


def _row(row: Row, measures: Sequence[Measure], costs: dict[str, dict[str, Any]]) -> list[list[str]]:
    """Two lines: means and cost, intervals below them."""
    cost = costs.get(row.method, {})
    gmac, time = cost.get("gmac"), row.milliseconds
    last = [
        amount(cost.get("parameters")),
        "" if gmac is None else f"{gmac:.2f}",
        "" if time is None else f"{time:.{0 if time >= 10 else 1}f}",
    ]
    means = [f"{row.means[measure.key].mean:.{measure.digits}f}" for measure in measures]
    return [[row.method, *means, *last], _below(row.means, measures, "", len(last))]


def _difference(one: Difference, measures: Sequence[Measure]) -> list[list[str]]:
    means = [f"{one.changes[measure.key].mean:+.{measure.digits}f}" for measure in measures]
    return [[f"{one.second} - {one.first}", *means], _below(one.changes, measures, "+", 0)]


def _below(found: dict[str, Interval], measures: Sequence[Measure], sign: str, empty: int) -> list[str]:
    """The line of intervals."""
    cells = [bracketed(found[measure.key], measure.digits, sign).partition(" ")[2] for measure in measures]
    return ["", *cells, *[""] * empty]


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Cells under one another, the first column to the left."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width) for place, (cell, width) in enumerate(zipped)
        ).rstrip()
        for zipped in (list(zip(row, widths, strict=True)) for row in rows)
    ]
