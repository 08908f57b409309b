"""From scores to what a report says: means with intervals, paired differences, cost."""

from collections.abc import Sequence
from math import isfinite
from typing import Any, NamedTuple

from drbn_lightning.data.fingerprints import Fingerprint
from drbn_lightning.evaluation.leakage import Note
from drbn_lightning.evaluation.methods import EvaluatedMethod
from drbn_lightning.evaluation.scoring import Score, mean
from drbn_lightning.metrics.bootstrap import Interval, interval, paired
from drbn_lightning.metrics.metric import Metric


class Row(NamedTuple):
    """One method on one data set: the mean of each metric with its interval, and the mean time in milliseconds."""

    method: str
    means: dict[str, Interval]
    milliseconds: float | None


class Difference(NamedTuple):
    """What a second method changes on the same images, `second` minus `first`, for each metric."""

    first: str
    second: str
    changes: dict[str, Interval]


class Result(NamedTuple):
    """All that was found on one data set."""

    name: str
    tested: Fingerprint | None
    scores: list[Score]
    rows: list[Row]
    differences: list[Difference]
    notes: list[Note]
    metrics: list[Metric]

    @property
    def images(self) -> list[str]:
        """Names of the images, in order."""
        return list(dict.fromkeys(score.image for score in self.scores))


def result(
    name: str,
    tested: Fingerprint | None,
    scores: list[Score],
    methods: Sequence[EvaluatedMethod],
    metrics: Sequence[Metric],
    notes: list[Note],
    main: str,
) -> Result:
    """Sum up one data set.

    Args:
        name: what the data set is called here.
        tested: its fingerprint.
        scores: one for each method and image.
        methods: the methods, in the order of the table.
        metrics: those of the scores; those that no score has are left out.
        notes: what is to be said of methods that may have seen it.
        main: the method that the others are compared with.
    """
    used = [metric for metric in metrics if scores and metric.key in scores[0].figures]
    by_method = {method.name: [score for score in scores if score.method == method.name] for method in methods}
    timed = {method.name: method.is_timed for method in methods}
    rows = [Row(name, _means(own, used), _time(own) if timed[name] else None) for name, own in by_method.items()]
    differences = [_difference(other, main, by_method, used) for other in by_method if other != main]
    return Result(name, tested, scores, rows, differences, notes, used)


def worst_first(scores: Sequence[Score], method: str, metrics: Sequence[Metric]) -> list[str]:
    """Names of the images by the first metric, those first on which a method does worst."""
    own = [score for score in scores if score.method == method]
    if not metrics or metrics[0].better == 0:
        return [score.image for score in own]
    first = metrics[0]
    order = sorted(own, key=lambda score: first.better * _or_worst(score.figures[first.key], first.better))
    return [score.image for score in order]


def plain(value: float) -> float | str | None:
    """A number as JSON can hold it: null where it is none, "inf" where it is infinite."""
    if value != value:
        return None
    return value if isfinite(value) else str(value)


def as_plain(result: Result) -> dict[str, Any]:
    """A result in plain values, without the figures of single images, which the CSV holds."""
    tested = result.tested
    return {
        "data": result.name,
        "fingerprint": tested and {"name": tested.name, "count": tested.count, "identity": tested.identity},
        "images": len(result.images),
        "methods": {
            row.method: {
                "means": {key: _plain(value) for key, value in row.means.items()},
                "milliseconds": row.milliseconds and plain(row.milliseconds),
            }
            for row in result.rows
        },
        "differences": [
            {
                "minus": difference.first,
                "method": difference.second,
                "means": {k: _plain(v) for k, v in difference.changes.items()},
            }
            for difference in result.differences
        ],
        "notes": [note._asdict() for note in result.notes],
    }


def _means(scores: Sequence[Score], metrics: Sequence[Metric]) -> dict[str, Interval]:
    return {metric.key: interval(score.figures[metric.key] for score in scores) for metric in metrics}


def _time(scores: Sequence[Score]) -> float:
    """Mean time, without the first image where there are others: it pays for what happens once."""
    return mean(score.milliseconds for score in scores[1:] or scores)


def _difference(first: str, second: str, by_method: dict[str, list[Score]], metrics: Sequence[Metric]) -> Difference:
    first_scores, second_scores = by_method[first], by_method[second]
    changes = {
        metric.key: paired(
            [s.figures[metric.key] for s in first_scores], [s.figures[metric.key] for s in second_scores]
        )
        for metric in metrics
    }
    return Difference(first, second, changes)


def _or_worst(value: float, better: int) -> float:
    return value if value == value else -better * float("inf")


def _plain(interval: Interval) -> dict[str, float | str | None]:
    return {key: plain(value) for key, value in interval._asdict().items()}
