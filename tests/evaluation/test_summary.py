import math

import pytest

from drbn_lightning.evaluation.methods import EvaluatedMethod
from drbn_lightning.evaluation.scoring import Score
from drbn_lightning.evaluation.summary import Result, as_plain, plain, result, worst_first
from drbn_lightning.metrics.catalog import choose_metrics

METRICS = choose_metrics(["psnr", "ssim"])
FIGURES = {"input": [(7.0, 0.2), (9.0, 0.3), (8.0, math.nan)], "mine": [(20.0, 0.8), (18.0, 0.7), (22.0, 0.9)]}
SCORES = [
    Score(f"p{n}", method, {"psnr": psnr, "ssim": ssim}, 100.0 if n == 0 else 10.0)
    for n in range(3)
    for method, figures in FIGURES.items()
    for psnr, ssim in [figures[n]]
]
METHODS = [EvaluatedMethod("input", lambda p: p.low, {}), EvaluatedMethod("mine", lambda p: p.low, {}, is_timed=False)]


def found() -> Result:
    return result("set", None, SCORES, METHODS, [*METRICS, METRICS[0]._replace(key="absent")], [], "mine")


def test_means_intervals_and_time() -> None:
    rows = found().rows
    assert [row.method for row in rows] == ["input", "mine"]
    assert rows[0].means["psnr"].mean == pytest.approx(8.0)
    assert rows[0].means["ssim"].mean == pytest.approx(0.25)  # what is no number does not count
    assert rows[1].means["psnr"].low <= 20.0 <= rows[1].means["psnr"].high
    assert rows[0].milliseconds == pytest.approx(10.0)  # the first image pays for what happens once
    assert rows[1].milliseconds is None
    assert [metric.key for metric in found().metrics] == ["psnr", "ssim"]
    assert found().images == ["p0", "p1", "p2"]


def test_differences_are_those_of_the_main_method_image_by_image() -> None:
    (difference,) = found().differences
    assert (difference.first, difference.second) == ("input", "mine")
    assert difference.changes["psnr"].mean == pytest.approx(12.0)
    assert difference.changes["ssim"].mean == pytest.approx(0.5)  # of two images
    assert difference.changes["psnr"].low == pytest.approx(9.0)


def test_worst_images_come_first() -> None:
    assert worst_first(SCORES, "mine", METRICS) == ["p1", "p0", "p2"]
    less_is_better = [METRICS[0]._replace(better=-1)]
    assert worst_first(SCORES, "mine", less_is_better) == ["p2", "p0", "p1"]
    assert worst_first(SCORES, "input", METRICS[1:]) == ["p2", "p0", "p1"]  # no number is the worst
    assert worst_first(SCORES, "mine", []) == ["p0", "p1", "p2"]


def test_json_holds_no_number_that_is_none() -> None:
    assert [plain(value) for value in (1.5, math.nan, math.inf)] == [1.5, None, "inf"]
    in_plain_values = as_plain(found())
    assert in_plain_values["images"] == 3
    assert in_plain_values["methods"]["mine"]["means"]["psnr"]["mean"] == pytest.approx(20.0)
    assert in_plain_values["differences"][0]["minus"] == "input"
