"""The summary of a sweep: `summary.csv`, `summary.md` and `summary.png` in its folder."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from drbn_lightning.files import written_beside
from drbn_lightning.runs.record import first_process
from drbn_lightning.runs.sweep_table import (
    Run,
    as_csv,
    as_markdown,
    read_sweep,
    stages_of,
    table_of_runs,
    table_over_seeds,
    varied,
)
from drbn_lightning.terminal import LOG

CSV, MARKDOWN, PLOT = "summary.csv", "summary.md", "summary.png"


def summarize(sweep: Path, by: Sequence[str] | None = None) -> str:
    """Write the summary of a sweep into its folder.

    Args:
        sweep: the folder that holds the runs' folders, at any depth.
        by: keys to show as columns; by default those in which the runs of a stage differ.

    Returns:
        The tables in Markdown.

    Raises:
        DRBNError: there are no runs, no run knows a key of `by`, or the files cannot be written.
    """
    from drbn_lightning.runs.sweep_plot import write_plot  # with matplotlib, which takes a second

    runs = read_sweep(sweep, by)
    groups = stages_of(runs).values()
    text = "\n\n".join(_section(group, list(by or varied(group))) for group in groups)
    _write(sweep / CSV, as_csv(runs, by or varied(runs)))
    _write(sweep / MARKDOWN, f"{text}\n\n![{PLOT}]({PLOT})\n")
    write_plot(runs, sweep / PLOT, by)
    return text


@contextmanager
def summarized(sweep: Path | None) -> Iterator[None]:
    """Bring a sweep's summary up to date when a job of it has ended, well or not; None: there is no sweep."""
    try:
        yield
    finally:
        if sweep is not None and first_process():
            try:
                summarize(sweep)
            except Exception:  # a summary must not fail a run
                LOG.exception("the summary of %s could not be written", sweep)


def _section(runs: list[Run], keys: list[str]) -> str:
    """The tables of one stage, and how its runs ended."""
    ended = [f"{sum(run.status == status for run in runs)} {status}" for status in sorted({run.status for run in runs})]
    tables = [table_of_runs(runs, keys), table_over_seeds(runs, keys)]
    texts = [as_markdown(table) for table in tables if table is not None]
    return "\n\n".join([f"## stage={runs[0].stage}: {', '.join(ended)}", *texts])


def _write(path: Path, text: str) -> None:
    with written_beside(path) as beside:
        beside.write_text(text, encoding="utf-8")
