"""One data set, judged: figures of every method, pictures on disk, small ones for the report."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from drbn_lightning.data.fingerprints import Fingerprint
from drbn_lightning.evaluation.leakage import notes
from drbn_lightning.evaluation.methods import Entrant, Size
from drbn_lightning.evaluation.report.html import thumbnail
from drbn_lightning.evaluation.report.images import write_pictures
from drbn_lightning.evaluation.scoring import Judged, Picture, Score, judge, mean
from drbn_lightning.evaluation.summary import Result, result, worst_first
from drbn_lightning.images.folders import unused
from drbn_lightning.metrics.optional import Columns

Images = dict[str, dict[str, str]]


class PictureSet(NamedTuple):
    """Pictures to judge on: what they are called here, what they contain, and how to go through them, any time."""

    name: str
    tested: Fingerprint
    pictures: Callable[[], Iterable[Picture]]
    has_targets: bool = True


class Output(NamedTuple):
    """What is written beside the figures.

    `folder` is where to, `pictures` how many side by side, `shown` how many in the report, `device` where networks run.
    """

    folder: Path
    pictures: int
    shown: int
    device: torch.device


class Outcome(NamedTuple):
    """A data set's figures, the small pictures of the report, worst first, and the panels of stage 2."""

    result: Result
    images: Images
    samples: list[dict[str, Tensor]]


def sizes_of(pictures: Iterable[Picture]) -> list[Size]:
    """Names and sizes of a test set."""
    return [Size(one.name, one.key, one.low.shape[-1], one.low.shape[-2]) for one in pictures]


def judge_set(
    test_set: PictureSet, entrants: Sequence[Entrant], columns: Columns, main: str, output: Output
) -> Outcome:
    """Judge all methods on a data set.

    Args:
        test_set: the pictures.
        entrants: the methods, in the order of the table.
        columns: what to measure.
        main: the method that the others are compared with, and whose worst pictures come first.
        output: what to write.
    """
    measures = columns.with_target if test_set.has_targets else columns.bare
    scores, labels = list[Score](), set[str]()
    images: Images = {}
    samples = list[dict[str, Tensor]]()
    network = next(entrant.network for entrant in entrants if entrant.name == main)
    run = {entrant.name: entrant.run for entrant in entrants}
    for number, judged in enumerate(judge(run, test_set.pictures(), measures)):
        scores += judged.scores
        if output.shown:
            images[judged.picture.name] = _thumbnails(judged)
        if number < output.pictures:
            path = output.folder / unused(judged.picture.name, "", labels)
            samples += write_pictures(path, judged, network, output.device)
    found = result(test_set.name, test_set.tested, scores, entrants, measures, notes(entrants, test_set.tested), main)
    worst = worst_first(scores, main, found.measures)[: output.shown]
    return Outcome(found, {name: images[name] for name in worst}, samples)


def mean_psnr(outcome: Outcome, method: str) -> float:
    """Mean PSNR of a method in dB; not a number where it was not measured."""
    scores = outcome.result.scores
    return mean(score.figures.get("psnr", float("nan")) for score in scores if score.method == method)


def _thumbnails(judged: Judged) -> dict[str, str]:
    shown = {"input": judged.picture.low[0]} | judged.results
    if judged.picture.normal is not None:
        shown["target"] = judged.picture.normal[0]
    return {name: thumbnail(picture) for name, picture in shown.items()}
