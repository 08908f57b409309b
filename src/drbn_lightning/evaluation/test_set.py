"""One data set, evaluated: figures of every method, images on disk, small ones for the report."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from drbn_lightning.data.fingerprints import Fingerprint
from drbn_lightning.evaluation.leakage import notes
from drbn_lightning.evaluation.methods import EvaluatedMethod
from drbn_lightning.evaluation.predictions import Size
from drbn_lightning.evaluation.report.html import thumbnail
from drbn_lightning.evaluation.report.images import write_images
from drbn_lightning.evaluation.scoring import EvaluationImage, Score, ScoredImage, mean, score_images
from drbn_lightning.evaluation.summary import Result, result, worst_first
from drbn_lightning.images.folders import unused
from drbn_lightning.metrics.catalog import Columns

Images = dict[str, dict[str, str]]


class ImageSet(NamedTuple):
    """Images to evaluate methods on: their name here, what they contain, and how to go through them, any time."""

    name: str
    tested: Fingerprint
    images: Callable[[], Iterable[EvaluationImage]]
    has_targets: bool = True


class Output(NamedTuple):
    """What is written beside the figures.

    `folder` is where to, `images` how many side by side, `shown` how many in the report, `device` where networks run.
    """

    folder: Path
    images: int
    shown: int
    device: torch.device


class Outcome(NamedTuple):
    """A data set's figures, the small images of the report, worst first, and the panels of stage 2."""

    result: Result
    images: Images
    samples: list[dict[str, Tensor]]


def sizes_of(images: Iterable[EvaluationImage]) -> list[Size]:
    """Names and sizes of a test set."""
    return [Size(image.name, image.key, image.low.shape[-1], image.low.shape[-2]) for image in images]


def evaluate_set(
    test_set: ImageSet, methods: Sequence[EvaluatedMethod], columns: Columns, main: str, output: Output
) -> Outcome:
    """Evaluate all methods on a data set.

    Args:
        test_set: the images.
        methods: the methods, in the order of the table.
        columns: what to measure.
        main: the method that the others are compared with, and whose worst images come first.
        output: what to write.
    """
    metrics = columns.with_target if test_set.has_targets else columns.without_target
    scores, labels = list[Score](), set[str]()
    images: Images = {}
    samples = list[dict[str, Tensor]]()
    network = next(method.network for method in methods if method.name == main)
    run = {method.name: method.run for method in methods}
    for number, scored in enumerate(score_images(run, test_set.images(), metrics)):
        scores += scored.scores
        if output.shown:
            images[scored.image.name] = _thumbnails(scored)
        if number < output.images:
            path = output.folder / unused(scored.image.name, "", labels)
            samples += write_images(path, scored, network, output.device)
    summed = result(test_set.name, test_set.tested, scores, methods, metrics, notes(methods, test_set.tested), main)
    worst = worst_first(scores, main, summed.metrics)[: output.shown]
    return Outcome(summed, {name: images[name] for name in worst}, samples)


def mean_psnr(outcome: Outcome, method: str) -> float:
    """Mean PSNR of a method in dB; not a number where it was not measured."""
    scores = outcome.result.scores
    return mean(score.figures.get("psnr", float("nan")) for score in scores if score.method == method)


def _thumbnails(scored: ScoredImage) -> dict[str, str]:
    shown = {"input": scored.image.low[0]} | scored.results
    if scored.image.normal is not None:
        shown["target"] = scored.image.normal[0]
    return {name: thumbnail(image) for name, image in shown.items()}
