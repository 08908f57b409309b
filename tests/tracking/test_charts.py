from pathlib import Path

import pytest

from drbn_lightning.metrics.catalog import choose_metrics
from drbn_lightning.tracking.charts import BETTER, CHARTS, all_figures
from tests.running import composed

DIRECTIONS = {1: "max", -1: "min"}


def test_no_figure_is_shown_twice() -> None:
    assert len(set(all_figures())) == len(all_figures())
    assert all(CHARTS.values())


def test_the_better_direction_is_that_of_figures_that_are_shown() -> None:
    assert set(BETTER) <= set(all_figures())


@pytest.mark.parametrize("stage", ["band", "quality", "recompose"])
def test_the_better_direction_is_that_of_the_stage_that_chooses_by_it(tmp_path: Path, stage: str) -> None:
    monitor = composed(tmp_path, f"stage={stage}").monitor
    assert BETTER[monitor.metric] == monitor.mode


def test_a_metric_is_better_in_the_same_direction_in_training_as_in_evaluation() -> None:
    metrics = choose_metrics(["psnr", "ssim"])
    assert {f"val/{metric.key}": DIRECTIONS[metric.better] for metric in metrics}.items() <= BETTER.items()
