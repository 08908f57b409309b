"""Plot what a training step costs over pixels, batch, recursions and threads, as `training.py --curves` wrote it.

python benchmarks/plot_curves.py benchmarks/history/training_curves.json docs/images/step_cost.svg
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

LABELS = {"size": "side of a crop in pixels", "batch": "crops a step", "recursions": "recursions", "threads": "threads"}


def curves(results: dict[str, dict[str, float]]) -> dict[str, list[tuple[int, float]]]:
    """Points `(value, seconds)` by what is varied; results are named by both, such as `size 96`."""
    found: dict[str, list[tuple[int, float]]] = {}
    for name, figures in results.items():
        varied, value = name.rsplit(" ", 1)
        found.setdefault(varied, []).append((int(value), figures["median"]))
    return found


def draw(results: dict[str, dict[str, float]]) -> Figure:
    """One panel for each thing that is varied, from zero, so that proportional costs are straight lines."""
    points = curves(results)
    figure = Figure(figsize=(9, 2.6), layout="constrained")
    panels = figure.subplots(1, len(points), sharey=True)
    for panel, (varied, line) in zip(panels, points.items(), strict=True):
        panel.plot(*zip(*line, strict=True), "o-", color="#2a6f97")
        panel.set(xlabel=LABELS[varied], xlim=(0, None), ylim=(0, None), xticks=[value for value, _ in line])
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("seconds a step")
    return figure


def main(argv: Sequence[str] | None = None) -> None:
    """Draw what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, metavar="JSON", help="what --json wrote")
    parser.add_argument("out", type=Path, metavar="OUT", help="the plot, as SVG or PNG")
    options = parser.parse_args(argv)
    draw(json.loads(options.results.read_text(encoding="utf-8"))["results"]).savefig(
        options.out, metadata={"Date": None}
    )


if __name__ == "__main__":
    main()
