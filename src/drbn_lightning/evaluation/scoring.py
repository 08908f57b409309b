"""Scoring methods image by image: on pairs by their targets, on photos without any by what needs none."""

import csv
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from io import StringIO
from typing import NamedTuple

import torch
from torch import Tensor, nn

from drbn_lightning.batches import PairBatch
from drbn_lightning.errors import DRBNError
from drbn_lightning.metrics.metric import Metric
from drbn_lightning.metrics.pixels import to_8_bit
from drbn_lightning.types import TensorMethod


class EvaluationImage(NamedTuple):
    """One image to evaluate methods on.

    `low` and `normal` are `(1, 3, H, W)` float32 display values in [0, 1], `normal` None where there is no target;
    `thumbnail` `(1, 3, S, S)` is that of the whole `low`. `key` is the name by which results of it are found.
    """

    name: str
    key: str
    low: Tensor
    thumbnail: Tensor
    normal: Tensor | None

    @classmethod
    def of_pair(cls, batch: PairBatch) -> "EvaluationImage":
        """The pair of a batch of one."""
        return cls(batch.name[0], batch.name[0].lower(), batch.low, batch.thumbnail, batch.normal)


ImageMethod = Callable[[EvaluationImage], Tensor]
"""Gives its result of an image, `(1, 3, H, W)` display values."""


class Score(NamedTuple):
    """What one method made of one image: a figure for each metric, and how long it took in milliseconds."""

    image: str
    method: str
    figures: dict[str, float]
    milliseconds: float


class ScoredImage(NamedTuple):
    """An image, every method's result of it (`(3, H, W)`, 8-bit values in [0, 1]), and their scores."""

    image: EvaluationImage
    results: dict[str, Tensor]
    scores: list[Score]


def network_method(network: nn.Module, device: torch.device) -> TensorMethod:
    """A band network as a method: its full band, by channels-last float32 inference."""
    network = network.to(device).to(memory_format=torch.channels_last).eval()

    def enhance(low: Tensor, thumbnail: Tensor) -> Tensor:
        image = low.to(device, memory_format=torch.channels_last)
        full: Tensor = network(image, thumbnail.to(device)).full
        return full.cpu()

    return enhance


def image_method(method: TensorMethod) -> ImageMethod:
    """A method that needs an image's values only."""
    return lambda image: method(image.low, image.thumbnail)


@torch.inference_mode()
def score_images(
    methods: Mapping[str, ImageMethod], images: Iterable[EvaluationImage], metrics: Sequence[Metric]
) -> Iterator[ScoredImage]:
    """Run every method on every image.

    Args:
        methods: by name.
        images: with a target or without.
        metrics: those that need a target are left out where there is none.

    Yields:
        Results and scores, image by image.

    Raises:
        DRBNError: a result is not finite.
    """
    for image in images:
        results, scores = {}, []
        for name, run in methods.items():
            start = time.perf_counter()
            output = run(image)
            took = 1000 * (time.perf_counter() - start)
            if not output.isfinite().all():
                raise DRBNError(f"the result of {name} for {image.name} is not finite; evaluate another checkpoint")
            result = to_8_bit(output)  # once for all metrics: what a person would save
            scores.append(Score(image.name, name, figures(result, image.normal, metrics), took))
            results[name] = result[0]
        yield ScoredImage(image, results, scores)


def figures(result: Tensor, normal: Tensor | None, metrics: Sequence[Metric]) -> dict[str, float]:
    """What each metric says of a result; those that need a target only where there is one."""
    return {
        metric.key: float(metric(result, normal)) for metric in metrics if normal is not None or not metric.needs_target
    }


def mean(values: Iterable[float]) -> float:
    """Mean of the values that are numbers; not a number where there is none.

    Example:
        >>> mean([1.0, float("nan"), 3.0])
        2.0
    """
    numbers = [value for value in values if value == value]
    return sum(numbers) / len(numbers) if numbers else float("nan")


def as_csv(scores: Mapping[str, Sequence[Score]], metrics: Sequence[Metric]) -> str:
    """Scores as CSV, a row for each data set, image and method; empty where a metric needs a target."""
    columns = ["data", "image", "method", *(metric.key for metric in metrics), "milliseconds"]
    rows = (
        [
            name,
            score.image,
            score.method,
            *(_cell(score.figures.get(metric.key), metric.decimals) for metric in metrics),
            f"{score.milliseconds:.1f}",
        ]
        for name, own in scores.items()
        for score in own
    )
    return csv_text(columns, rows)


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table as CSV.

    Example:
        >>> csv_text(["image", "method"], [["a, b", "input"]]).splitlines()
        ['image,method', '"a, b",input']
    """
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def _cell(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits + 2}f}"
