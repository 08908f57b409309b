"""What an evaluation leaves behind: a table on the terminal, CSV, JSON and one HTML page."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import torch

from drbn_lightning.evaluation.cost import gmac, parameters
from drbn_lightning.evaluation.methods import EvaluatedMethod
from drbn_lightning.evaluation.report.html import page
from drbn_lightning.evaluation.report.text import definitions, summary, text
from drbn_lightning.evaluation.scoring import as_csv
from drbn_lightning.evaluation.test_set import Outcome
from drbn_lightning.files import written_beside
from drbn_lightning.metrics.catalog import Columns

COST = "10^9 multiplications with addition in convolutions and matrix products, for an image of 256 x 256 pixels"


class Report(NamedTuple):
    """All that there is to report; `methods` are all that were scored, `command` what the user typed."""

    folder: Path
    outcomes: list[Outcome]
    methods: list[EvaluatedMethod]
    columns: Columns
    device: torch.device
    command: list[str]


def write_report(report: Report, say: Callable[[str], None]) -> None:
    """Print the tables; write `scores.csv`, `summary.json` and `report.html`."""
    results = [outcome.result for outcome in report.outcomes]
    methods = {method.name: method.origin | cost(method) for method in report.methods}
    used = {metric.key for result in results for metric in result.metrics}
    metrics = [metric for metric in report.columns.all if metric.key in used]
    for result in results:
        say(f"{text(result, methods)}\n")
    say(definitions(metrics, report.columns.absent))
    content = summary(results, methods, metrics, report.columns.absent, _run_of(report))
    scores = as_csv({result.name: result.scores for result in results}, metrics)
    say(f"written: {write_text(report.folder / 'scores.csv', scores)}")
    plain = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    say(f"written: {write_text(report.folder / 'summary.json', plain)}")
    images = {outcome.result.name: outcome.images for outcome in report.outcomes}
    say(f"written: {write_text(report.folder / 'report.html', page(content, results, images))}")


def cost(method: EvaluatedMethod) -> dict[str, Any]:
    """Parameters and GMAC of a network; nothing of what is none."""
    if method.network is None:
        return {}
    return {"parameters": parameters(method.network), "gmac": round(gmac(method.network), 4)}


def write_text(path: Path, text: str) -> Path:
    """Write a text file all or nothing; returns its path."""
    with written_beside(path) as beside:
        beside.write_text(text, encoding="utf-8")
    return path


def _run_of(report: Report) -> dict[str, Any]:
    """Versions, date and command line."""
    threads = f", {torch.get_num_threads()} threads" if report.device.type == "cpu" else ""
    timing = (
        f"milliseconds for an image on {report.device.type}{threads}, float32, mean without the first image; "
        "reading and writing files do not count"
    )
    return {
        "version": version("drbn-lightning"),
        "torch": str(torch.__version__),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": report.command,
        "device": report.device.type,
        "timing": timing,
        "cost": COST,
    }
