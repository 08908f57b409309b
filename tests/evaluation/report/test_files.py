import json
from pathlib import Path

import pytest
import torch

from drbn_lightning.evaluation.methods import baseline
from drbn_lightning.evaluation.report.files import Report, cost, write_report, write_text
from drbn_lightning.evaluation.test_set import Outcome
from drbn_lightning.metrics.catalog import Columns
from drbn_lightning.networks.drbn import DRBN
from tests.evaluation.test_summary import METHODS, METRICS, found


def test_everything_is_written_and_said(tmp_path: Path) -> None:
    lines: list[str] = []
    columns = Columns(METRICS, [], ["LPIPS is not measured"])
    outcome = Outcome(found(), {}, [])
    write_report(Report(tmp_path, [outcome], METHODS, columns, torch.device("cpu"), ["shave=0"]), lines.append)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["report.html", "scores.csv", "summary.json"]
    text = "\n".join(lines)
    for name in ("report.html", "scores.csv", "summary.json"):
        assert f"written: {tmp_path / name}" in text
    assert "LPIPS is not measured" in text
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["command"] == ["shave=0"]
    assert summary["not_measured"] == ["LPIPS is not measured"]
    assert len((tmp_path / "scores.csv").read_text().splitlines()) == 7


@pytest.mark.slow
def test_the_released_network_costs_what_it_is_known_to() -> None:
    network = baseline("x", lambda low, mean: low, "")._replace(network=DRBN())
    assert cost(network)["parameters"] == 557_668
    assert 9.3 < cost(network)["gmac"] < 9.5
    assert cost(METHODS[0]) == {}


def test_text_is_written_all_or_nothing(tmp_path: Path) -> None:
    assert write_text(tmp_path / "deep" / "a.txt", "\u00e4").read_text(encoding="utf-8") == "\u00e4"
