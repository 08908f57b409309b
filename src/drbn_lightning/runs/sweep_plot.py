"""A sweep as one image: the best figure of each run against what varied."""

import textwrap
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from drbn_lightning.files import written_beside
from drbn_lightning.runs.sweep_table import SEED, Run, stages_of, varied

LABEL_WIDTH, VALUE_WIDTH = 60, 32
"""Letters in a label, and in a value within it."""
TALLEST = 60.0
"""Inches that a field may be tall, however many choices there are."""


def write_plot(runs: Sequence[Run], path: Path, keys: Sequence[str] | None = None) -> None:
    """Draw the runs and write a PNG file: one field for each stage, every run a dot, means over seeds joined.

    Args:
        runs: the runs; those without a figure are named under the field.
        path: the file.
        keys: what to put on the axis; by default what varied.
    """
    groups = list(stages_of(runs).values())
    height = sum(_height(group, keys) for group in groups)
    figure = Figure(figsize=(7.5, height))
    figure.subplots_adjust(hspace=0.5)
    fields = figure.subplots(len(groups), 1, squeeze=False, height_ratios=[_height(group, keys) for group in groups])
    for field, group in zip(fields[:, 0], groups, strict=True):
        _draw(field, group, list(keys or varied(group)))
    with written_beside(path) as beside:
        figure.savefig(beside, format="png", dpi=120, bbox_inches="tight")


def _draw(field: Axes, runs: Sequence[Run], keys: list[str]) -> None:
    """One stage: numbers along the axis where one number varied, else a line of dots for each choice."""
    others = [key for key in keys if key != SEED] or keys
    shown = [run for run in runs if run.best is not None]
    field.set_title(f"stage={runs[0].stage}: best {runs[0].monitor}", fontsize=10, loc="left")
    field.grid(alpha=0.3)
    missing = [run for run in runs if run.best is None]
    if missing:
        named = ", ".join(f"{run.name} ({run.status})" for run in missing)
        field.annotate(
            textwrap.shorten(f"without a figure: {named}", 2 * LABEL_WIDTH, placeholder=f" ... {len(missing)} in all"),
            (0, -0.02), xycoords="axes fraction", va="top", fontsize=7, color="tab:red", annotation_clip=False,
        )  # fmt: skip
        field.xaxis.set_tick_params(pad=12)
    if len(others) == 1 and all(_is_number(run.words.get(others[0])) for run in shown):
        _draw_numbers(field, shown, others[0])
    else:
        _draw_choices(field, shown, others)


def _draw_numbers(field: Axes, runs: Sequence[Run], key: str) -> None:
    places: dict[float, list[float]] = {}
    for run in runs:
        assert run.best is not None
        places.setdefault(float(run.words[key]), []).append(run.best)
    line = sorted((place, sum(values) / len(values)) for place, values in places.items())
    field.plot(*zip(*line, strict=True), color="tab:blue", alpha=0.5) if line else None
    for place, values in places.items():
        field.scatter([place] * len(values), values, color="tab:blue", zorder=3)
    if line and line[0][0] > 0 and line[-1][0] / line[0][0] >= 100:
        field.set_xscale("log")
    field.set_xlabel(key)
    field.set_ylabel(runs[0].monitor if runs else "")


def _draw_choices(field: Axes, runs: Sequence[Run], keys: list[str]) -> None:
    choices: dict[tuple[str | None, ...], list[Run]] = {}
    for run in runs:
        choices.setdefault(_choice(run, keys), []).append(run)
    labels = [_label(values[0], keys) for values in choices.values()]
    for row, (group, colour) in enumerate(zip(choices.values(), cycle(["tab:blue", "tab:cyan"]), strict=False)):
        values = [run.best for run in group if run.best is not None]
        field.scatter(values, [row] * len(values), color=colour, zorder=3)
        field.plot([sum(values) / len(values)], [row], marker="|", markersize=14, color="black")
    field.set_yticks(range(len(labels)), labels, fontsize=8)
    field.invert_yaxis()
    field.margins(y=0.1 if len(labels) > 1 else 1.0)


def _choice(run: Run, keys: Sequence[str]) -> tuple[str | None, ...]:
    return tuple(run.words.get(key) for key in keys)


def _label(run: Run, keys: Sequence[str]) -> str:
    if len(keys) == 1:
        return _short(run.words.get(keys[0], "as it is"))
    words = [f"{key.rpartition('.')[2]}={_short(run.words[key])}" for key in keys if key in run.words]
    return textwrap.shorten(", ".join(words) or run.name, LABEL_WIDTH, placeholder=" ...")


def _short(value: str) -> str:
    """The end of a long value, such as a path."""
    return value if len(value) <= VALUE_WIDTH else f"...{value[-VALUE_WIDTH:]}"


def _height(runs: Sequence[Run], keys: Sequence[str] | None) -> float:
    rows = len({_choice(run, [key for key in keys or varied(runs) if key != SEED]) for run in runs})
    return min(TALLEST, max(3.0, 1.2 + 0.28 * rows))


def _is_number(text: str | None) -> bool:
    try:
        float(text or "")
    except ValueError:
        return False
    return True
