"""Judging methods picture by picture: on pairs by their targets, on photos without any by what needs none."""

import csv
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from io import StringIO
from typing import NamedTuple

import torch
from torch import Tensor, nn

from drbn_lightning.batches import PairBatch
from drbn_lightning.errors import DRBNError
from drbn_lightning.metrics.catalog import Measure
from drbn_lightning.metrics.fidelity import to_8_bit
from drbn_lightning.types import Method


class Picture(NamedTuple):
    """One picture to be judged on.

    `low` and `normal` are `(1, 3, H, W)` float32 display values in [0, 1], `normal` None where there is no target;
    `thumbnail` `(1, 3, S, S)` is that of the whole `low`. `key` is the name by which results of it are found.
    """

    name: str
    key: str
    low: Tensor
    thumbnail: Tensor
    normal: Tensor | None

    @classmethod
    def of_pair(cls, batch: PairBatch) -> "Picture":
        """The pair of a batch of one."""
        return cls(batch.name[0], batch.name[0].lower(), batch.low, batch.thumbnail, batch.normal)


Contestant = Callable[[Picture], Tensor]
"""Gives its result of a picture, `(1, 3, H, W)` display values."""


class Score(NamedTuple):
    """What one method made of one picture: a figure for each measure, and how long it took in milliseconds."""

    picture: str
    method: str
    figures: dict[str, float]
    milliseconds: float


class Judged(NamedTuple):
    """A picture, every method's result of it (`(3, H, W)`, 8-bit values in [0, 1]), and their scores."""

    picture: Picture
    results: dict[str, Tensor]
    scores: list[Score]


def network_method(network: nn.Module, device: torch.device) -> Method:
    """A band network as a method: its full band, by channels-last float32 inference."""
    network = network.to(device).to(memory_format=torch.channels_last).eval()

    def enhance(low: Tensor, thumbnail: Tensor) -> Tensor:
        picture = low.to(device, memory_format=torch.channels_last)
        full: Tensor = network(picture, thumbnail.to(device)).full
        return full.cpu()

    return enhance


def contestant(method: Method) -> Contestant:
    """A method that needs a picture's values only."""
    return lambda picture: method(picture.low, picture.thumbnail)


@torch.inference_mode()
def judge(
    contestants: Mapping[str, Contestant], pictures: Iterable[Picture], measures: Sequence[Measure]
) -> Iterator[Judged]:
    """Run every method on every picture.

    Args:
        contestants: by name.
        pictures: with a target or without.
        measures: those that need a target are left out where there is none.

    Yields:
        Results and scores, picture by picture.

    Raises:
        DRBNError: a result is not finite.
    """
    for picture in pictures:
        results, scores = {}, []
        for name, run in contestants.items():
            start = time.perf_counter()
            found = run(picture)
            took = 1000 * (time.perf_counter() - start)
            if not found.isfinite().all():
                raise DRBNError(f"the result of {name} for {picture.name} is not finite; judge another checkpoint")
            result = to_8_bit(found)  # once for all measures: what a person would save
            scores.append(Score(picture.name, name, figures(result, picture.normal, measures), took))
            results[name] = result[0]
        yield Judged(picture, results, scores)


def figures(result: Tensor, normal: Tensor | None, measures: Sequence[Measure]) -> dict[str, float]:
    """What each measure says of a result; those that need a target only where there is one."""
    return {
        measure.key: float(measure.of(result, result if normal is None else normal))
        for measure in measures
        if normal is not None or not measure.needs_target
    }


def mean(values: Iterable[float]) -> float:
    """Mean of the values that are numbers; not a number where there is none.

    Example:
        >>> mean([1.0, float("nan"), 3.0])
        2.0
    """
    numbers = [value for value in values if value == value]
    return sum(numbers) / len(numbers) if numbers else float("nan")


def as_csv(scores: Mapping[str, Sequence[Score]], measures: Sequence[Measure]) -> str:
    """Scores as CSV, a row for each data set, picture and method; empty where a measure needs a target."""
    columns = ["data", "picture", "method", *(measure.key for measure in measures), "milliseconds"]
    rows = (
        [
            name,
            score.picture,
            score.method,
            *(_cell(score.figures.get(measure.key), measure.digits) for measure in measures),
            f"{score.milliseconds:.1f}",
        ]
        for name, found in scores.items()
        for score in found
    )
    return csv_text(columns, rows)


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table as CSV.

    Example:
        >>> csv_text(["picture", "method"], [["a, b", "input"]]).splitlines()
        ['picture,method', '"a, b",input']
    """
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def _cell(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits + 2}f}"
