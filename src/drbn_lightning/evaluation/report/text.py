"""What an evaluation found, as text for a terminal and as plain values for JSON."""

from collections.abc import Sequence
from typing import Any

from drbn_lightning.evaluation.summary import Difference, Result, Row, as_plain
from drbn_lightning.metrics.bootstrap import Interval
from drbn_lightning.metrics.metric import Metric

INTERVALS = "in brackets: 95 % bootstrap interval of the mean over images; differences are paired, image by image"


def text(result: Result, costs: dict[str, dict[str, Any]]) -> str:
    """One data set: a row for each method, then the paired differences, then what was seen in training.

    Args:
        result: what was found.
        costs: `parameters` and `gmac` by method, where they are known.
    """
    count = len(result.images)
    lines = [f"{result.name}: {count} image{'' if count == 1 else 's'}"]
    lines += _aligned(
        [_headings(result.metrics), *(line for row in result.rows for line in _row(row, result.metrics, costs))]
    )
    if result.differences and result.metrics:
        lines += [
            "",
            *_aligned([line for difference in result.differences for line in _difference(difference, result.metrics)]),
        ]
    lines += [f"{'warning' if note.is_warning else 'note'}: {note.method}: {note.text}" for note in result.notes]
    return "\n".join(lines)


def definitions(metrics: Sequence[Metric], absent: Sequence[str]) -> str:
    """What each column means, and which are missing and why."""
    lines = [metric.define() for metric in metrics]
    return "\n".join([*lines, INTERVALS, *absent])


def summary(
    results: Sequence[Result],
    methods: dict[str, dict[str, Any]],
    metrics: Sequence[Metric],
    absent: Sequence[str],
    run: dict[str, Any],
) -> dict[str, Any]:
    """All that was found in plain values.

    Args:
        results: the data sets.
        methods: where each method came from and what it costs.
        metrics: all that was measured.
        absent: what could not be measured, and why.
        run: versions, date, command line.
    """
    columns = {
        metric.key: {"title": metric.heading, "better": metric.better, "definition": metric.definition}
        for metric in metrics
    }
    return {
        **run,
        "metrics": columns,
        "not_measured": list(absent),
        "intervals": INTERVALS,
        "methods": methods,
        "results": [as_plain(result) for result in results],
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


def bracketed(interval: Interval, digits: int, sign: str = "") -> str:
    """A mean and its interval.

    Example:
        >>> bracketed(Interval(18.801, 17.2, 20.43), 2)
        '18.80 [17.20, 20.43]'
    """
    mean = f"{interval.mean:{sign}.{digits}f}"
    if interval.low != interval.low:
        return mean
    return f"{mean} [{interval.low:{sign}.{digits}f}, {interval.high:{sign}.{digits}f}]"


def _headings(metrics: Sequence[Metric]) -> list[str]:
    return ["method", *(metric.heading for metric in metrics), "parameters", "GMAC", "ms"]


def _row(row: Row, metrics: Sequence[Metric], costs: dict[str, dict[str, Any]]) -> list[list[str]]:
    """Two lines: means and cost, intervals below them."""
    cost = costs.get(row.method, {})
    gmac, time = cost.get("gmac"), row.milliseconds
    last = [
        amount(cost.get("parameters")),
        "" if gmac is None else f"{gmac:.2f}",
        "" if time is None else f"{time:.{0 if time >= 10 else 1}f}",
    ]
    means = [f"{row.means[metric.key].mean:.{metric.decimals}f}" for metric in metrics]
    return [[row.method, *means, *last], _below(row.means, metrics, "", len(last))]


def _difference(difference: Difference, metrics: Sequence[Metric]) -> list[list[str]]:
    means = [f"{difference.changes[metric.key].mean:+.{metric.decimals}f}" for metric in metrics]
    return [[f"{difference.second} - {difference.first}", *means], _below(difference.changes, metrics, "+", 0)]


def _below(intervals: dict[str, Interval], metrics: Sequence[Metric], sign: str, empty: int) -> list[str]:
    """The line of intervals."""
    cells = [bracketed(intervals[metric.key], metric.decimals, sign).partition(" ")[2] for metric in metrics]
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
