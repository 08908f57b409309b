from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from drbn_lightning.data.fingerprints import Fingerprint
from drbn_lightning.evaluation.methods import EvaluatedMethod, baseline
from drbn_lightning.evaluation.scoring import EvaluationImage
from drbn_lightning.evaluation.test_set import ImageSet, Output, evaluate_set, mean_psnr, sizes_of
from drbn_lightning.metrics.catalog import choose_columns

CPU = torch.device("cpu")
TESTED = Fingerprint("set/test", 3, "0" * 16)
COLUMNS = choose_columns(["psnr"])


def images(*, targets: bool = True) -> Iterator[EvaluationImage]:
    for number, level in enumerate((0.2, 0.6, 0.4)):
        low = torch.full((1, 3, 12, 20), 0.1)
        yield EvaluationImage(
            f"p{number}", f"p{number}", low, low.mean()[None], torch.full_like(low, level) if targets else None
        )


def methods() -> list[EvaluatedMethod]:
    return [
        baseline("input", lambda low, mean: low, "as it is"),
        baseline("twice", lambda low, mean: 2 * low, "twice as bright"),
    ]


def test_a_set_is_scored_written_and_shown_worst_first(tmp_path: Path) -> None:
    outcome = evaluate_set(ImageSet("set", TESTED, images), methods(), COLUMNS, "twice", Output(tmp_path, 1, 2, CPU))
    assert [metric.key for metric in outcome.result.metrics] == ["psnr"]
    assert [row.method for row in outcome.result.rows] == ["input", "twice"]
    assert list(outcome.images) == ["p1", "p2"]  # p0 is as bright as it should be
    assert list(outcome.images["p1"]) == ["input", "twice", "target"]
    assert [file.name for file in tmp_path.iterdir()] == ["p0.png"]
    assert mean_psnr(outcome, "input") == pytest.approx((20 + 6.02 + 10.46) / 3, abs=0.1)
    assert outcome.samples == []


def test_without_targets_there_are_figures_that_need_none(tmp_path: Path) -> None:
    without = ImageSet("photos", TESTED, lambda: images(targets=False), has_targets=False)
    outcome = evaluate_set(without, methods(), COLUMNS, "twice", Output(tmp_path, 0, 9, CPU))
    assert [metric.key for metric in outcome.result.metrics] == ["brightness", "clipped", "colourfulness"]
    assert list(outcome.images["p0"]) == ["input", "twice"]
    assert outcome.result.rows[1].means["brightness"].mean == pytest.approx(0.2)
    assert mean_psnr(outcome, "twice") != mean_psnr(outcome, "twice")
    assert not list(tmp_path.iterdir())


def test_sizes_are_width_and_height() -> None:
    assert next(iter(sizes_of(images()))) == ("p0", "p0", 20, 12)
