"""A sweep's folder as a table: one row for each run, with what varied as columns."""

import csv
import io
import math
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from drbn_lightning.errors import DRBNError
from drbn_lightning.images.folders import natural_key
from drbn_lightning.names import STAGES
from drbn_lightning.runs.record import RECORD, read_record

SEED = "seed"
APART = ("resume", "hydra.", "hydra/", "paths.", "callbacks.progress", "trainer.enable_progress_bar")
"""Words of a command line that say where and how a run goes, and not what it is."""


class Run(NamedTuple):
    """One run.

    `name` is its folder below the sweep's, `words` what its command line set, `figures` those of its best validation.
    """

    name: str
    stage: str
    words: dict[str, str]
    status: str
    reason: str
    monitor: str
    best: float | None
    figures: dict[str, float]
    facts: dict[str, Any]


class Table(NamedTuple):
    """Rows of cells under headings."""

    headings: list[str]
    rows: list[list[str]]


def read_sweep(folder: Path, by: Sequence[str] | None = None) -> list[Run]:
    """All runs below a folder, in natural order.

    Raises:
        DRBNError: there is no such folder, it holds no run, or no run's command line names a key of `by`.
    """
    if not folder.is_dir():
        raise DRBNError(f"{folder} is not a folder; give that of a sweep, such as multirun/DATE/TIME")
    places = sorted((file.parent for file in folder.rglob(RECORD)), key=lambda place: natural_key(str(place)))
    if not places:
        raise DRBNError(
            f"{folder} holds no runs (no {RECORD} in it); give the folder of a sweep, such as multirun/DATE/TIME"
        )
    runs = [_read(place, folder) for place in places]
    keys = {key for run in runs for key in run.words}
    unknown = [key for key in by or () if key not in keys]
    if unknown:
        raise DRBNError(f"no run of {folder} sets {', '.join(unknown)}; there are {', '.join(sorted(keys)) or 'none'}")
    return runs


def varied(runs: Sequence[Run]) -> list[str]:
    """The keys in which runs differ, in the order of the command line, the seed last."""
    keys = list(dict.fromkeys(key for run in runs for key in run.words))
    keys_that_vary = [key for key in keys if len({run.words.get(key) for run in runs}) > 1]
    return [key for key in keys_that_vary if key != SEED] + [key for key in keys_that_vary if key == SEED]


def table_of_runs(runs: Sequence[Run], keys: Sequence[str]) -> Table:
    """A row for each run of one stage: what varied, how it ended, its best figures."""
    figures = sorted({name for run in runs for name in run.figures})
    facts = [name for name in ("parameters", "steps") if any(name in run.facts for run in runs)]
    failed = any(run.reason for run in runs)
    headings = [
        "run",
        *keys,
        "status",
        f"best {runs[0].monitor}",
        *figures,
        *facts,
        "minutes",
        *(["reason"] if failed else []),
    ]
    rows = []
    for run in runs:
        cells = [run.name, *(run.words.get(key, "") for key in keys), run.status, number(run.best)]
        cells += [number(run.figures.get(name)) for name in figures] + [str(run.facts.get(name, "")) for name in facts]
        seconds = run.facts.get("seconds")
        rows.append([*cells, "" if seconds is None else f"{seconds / 60:.1f}", *([run.reason] if failed else [])])
    return Table(headings, rows)


def table_over_seeds(runs: Sequence[Run], keys: Sequence[str]) -> Table | None:
    """Means and standard deviations over seeds; None where the seed did not vary."""
    groups: dict[tuple[str, ...], list[float]] = {}
    others = [key for key in keys if key != SEED]
    for run in runs:
        if run.best is not None and run.status == "finished":
            groups.setdefault(tuple(run.words.get(key, "") for key in others), []).append(run.best)
    if SEED not in keys or all(len(values) == 1 for values in groups.values()):
        return None
    rows = [
        [*group, str(len(values)), number(statistics.fmean(values)), _spread(values)]
        for group, values in groups.items()
    ]
    return Table([*others, "seeds", f"mean best {runs[0].monitor}", "standard deviation"], rows)


def stages_of(runs: Iterable[Run]) -> dict[tuple[str, str], list[Run]]:
    """Runs by stage, in the order of training, and monitored figure: only those can be compared."""
    by_stage: dict[tuple[str, str], list[Run]] = {}
    for run in sorted(runs, key=lambda run: STAGES.index(run.stage) if run.stage in STAGES else len(STAGES)):
        by_stage.setdefault((run.stage, run.monitor), []).append(run)
    return by_stage


def as_markdown(table: Table) -> str:
    """The table in Markdown."""
    lines = [table.headings, ["---"] * len(table.headings), *table.rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def as_csv(runs: Sequence[Run], keys: Sequence[str]) -> str:
    """All runs, of all stages, as CSV."""
    figures = sorted({name for run in runs for name in run.figures})
    facts = sorted({name for run in runs for name in run.facts})
    text = io.StringIO()
    write = csv.writer(text, lineterminator="\n")
    write.writerow(["run", "stage", *keys, "status", "reason", "monitor", "best", *figures, *facts])
    for run in runs:
        values: list[Any] = [run.name, run.stage, *(run.words.get(key) for key in keys), run.status, run.reason]
        values += [run.monitor, run.best, *map(run.figures.get, figures), *map(run.facts.get, facts)]
        write.writerow(values)
    return text.getvalue()


def number(value: float | None) -> str:
    """A figure with four digits that count; nothing for None."""
    return "" if value is None else f"{value:.4g}" if abs(value) < 1 else f"{value:.3f}"


def _spread(values: Sequence[float]) -> str:
    return number(statistics.stdev(values)) if len(values) > 1 else ""


def _read(place: Path, sweep: Path) -> Run:
    record = read_record(place)
    assert record is not None
    status, reason = record["status"], record.get("reason") or ""
    if status == "running":
        reason = "it has not ended: it still runs, or was killed"
    words = dict(word.lstrip("+~").partition("=")[::2] for word in record["overrides"])
    settings = {key: value for key, value in words.items() if not key.startswith(APART)}
    monitor, maximum = record["monitor"], record["mode"] == "max"
    figures = _best_figures(place, monitor, maximum=maximum)
    best = record.get("best") if record.get("best") is not None else figures.get(monitor)
    facts: dict[str, Any] = {
        name: record[name] for name in ("parameters", "steps", "seconds", "version", "commit") if name in record
    }
    name = str(place.relative_to(sweep)) if place != sweep else place.name
    return Run(name, record["stage"], settings, status, reason, monitor, best, figures, facts)


def _best_figures(place: Path, monitor: str, *, maximum: bool) -> dict[str, float]:
    """The figures of the validation in which the monitored one was best, from the run's CSV logs."""
    best: dict[str, float] = {}
    for file in sorted(place.glob("csv/version_*/metrics.csv")):
        for row in csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"))):
            if not row.get(monitor):
                continue
            value = float(row[monitor])
            if not math.isfinite(value):
                continue
            if not best or (value > best[monitor] if maximum else value < best[monitor]):
                best = {name: float(cell) for name, cell in row.items() if name.startswith("val/") and cell}
    return best
