"""From scores to what a report says: means with intervals, paired differences, cost."""

from collections.abc import Sequence
from math import isfinite
from typing import Any, NamedTuple

from drbn_lightning.data.fingerprints import Fingerprint
from drbn_lightning.evaluation.leakage import Note
from drbn_lightning.evaluation.methods import Entrant
from drbn_lightning.evaluation.scoring import Score, mean
from drbn_lightning.metrics.bootstrap import Interval, interval, paired
from drbn_lightning.metrics.catalog import Measure


class Row(NamedTuple):
    """One method on one data set: the mean of each measure with its interval, and the mean time in milliseconds."""

    method: str
    means: dict[str, Interval]
    milliseconds: float | None


class Difference(NamedTuple):
    """What a second method changes on the same pictures, `second` minus `first`, for each measure."""

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
    measures: list[Measure]

    @property
    def pictures(self) -> list[str]:
        """Names of the pictures, in order."""
        return list(dict.fromkeys(score.picture for score in self.scores))


def result(
    name: str,
    tested: Fingerprint | None,
    scores: list[Score],
    entrants: Sequence[Entrant],
    measures: Sequence[Measure],
    notes: list[Note],
    main: str,
) -> Result:
    """Sum up one data set.

    Args:
        name: what the data set is called here.
        tested: its fingerprint.
        scores: one for each method and picture.
        entrants: the methods, in the order of the table.
        measures: those of the scores; those that no score has are left out.
        notes: what is to be said of methods that may have seen it.
        main: the method that the others are compared with.
    """
    found = [measure for measure in measures if scores and measure.key in scores[0].figures]
    by_method = {entrant.name: [score for score in scores if score.method == entrant.name] for entrant in entrants}
    timed = {entrant.name: entrant.is_timed for entrant in entrants}
    rows = [Row(method, _means(own, found), _time(own) if timed[method] else None) for method, own in by_method.items()]
    others = [method for method in by_method if method != main]
    differences = [_difference(method, main, by_method, found) for method in others]
    return Result(name, tested, scores, rows, differences, notes, found)


def worst_first(scores: Sequence[Score], method: str, measures: Sequence[Measure]) -> list[str]:
    """Names of the pictures by the first measure, those first on which a method does worst."""
    own = [score for score in scores if score.method == method]
    if not measures or measures[0].better == 0:
        return [score.picture for score in own]
    first = measures[0]
    order = sorted(own, key=lambda score: first.better * _or_worst(score.figures[first.key], first.better))
    return [score.picture for score in order]


def plain(value: float) -> float | str | None:
    """A number as JSON can hold it: null where it is none, "inf" where it is infinite."""
    if value != value:
        return None
    return value if isfinite(value) else str(value)


def as_plain(found: Result) -> dict[str, Any]:
    """A result in plain values, without the figures of single pictures, which the CSV holds."""
    tested = found.tested
    return {
        "data": found.name,
        "fingerprint": tested and {"name": tested.name, "count": tested.count, "identity": tested.identity},
        "pictures": len(found.pictures),
        "methods": {
            row.method: {
                "means": {key: _plain(value) for key, value in row.means.items()},
                "milliseconds": row.milliseconds and plain(row.milliseconds),
            }
            for row in found.rows
        },
        "differences": [
            {"minus": one.first, "method": one.second, "means": {k: _plain(v) for k, v in one.changes.items()}}
            for one in found.differences
        ],
        "notes": [note._asdict() for note in found.notes],
    }


def _means(scores: Sequence[Score], measures: Sequence[Measure]) -> dict[str, Interval]:
    return {measure.key: interval(score.figures[measure.key] for score in scores) for measure in measures}


def _time(scores: Sequence[Score]) -> float:
    """Mean time, without the first picture where there are others: it pays for what happens once."""
    return mean(score.milliseconds for score in scores[1:] or scores)


def _difference(first: str, second: str, by_method: dict[str, list[Score]], measures: Sequence[Measure]) -> Difference:
    one, two = by_method[first], by_method[second]
    changes = {
        measure.key: paired([s.figures[measure.key] for s in one], [s.figures[measure.key] for s in two])
        for measure in measures
    }
    return Difference(first, second, changes)


def _or_worst(value: float, better: int) -> float:
    return value if value == value else -better * float("inf")


def _plain(found: Interval) -> dict[str, float | str | None]:
    return {key: plain(value) for key, value in found._asdict().items()}
