"""Joins what benchmarks/ablations.sh leaves: one row for each training, and tables of the differences.

Usage: python benchmarks/ablation_table.py OUT
Reads OUT/summary.csv and OUT/scored_*/scores.csv; writes OUT/ablation_STAGE.csv and OUT/ablation.md.
"""

import csv
import statistics
import sys
from pathlib import Path

from drbn_lightning.evaluation.ablation import chance
from drbn_lightning.files import written_beside
from drbn_lightning.metrics.bootstrap import paired

Scores = dict[tuple[str, str], dict[str, dict[str, float]]]  # (variant, seed) -> figure -> image -> value
SETS = {"v1": "eval15", "v2_real_89": "v2_real_89"}
METRICS = {"psnr": 2, "ssim": 4, "psnr_gt_mean": 2}
STAGES = {"band": "whole", "recompose": "recomposition"}
"""The variant that the others of a stage are compared with."""


def read(path: Path) -> list[dict[str, str]]:
    """The lines of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def scores(out: Path) -> Scores:
    """Every figure of every image, of every training."""
    found: Scores = {}
    for file in sorted(out.glob("scored_*/scores.csv")):
        for row in read(file):
            variant, _, seed = row["method"].partition(" ")[0].rpartition("_")
            place = SETS.get(row["data"].partition("/")[0].removeprefix("lol_"), row["data"].partition("/")[0])
            for metric in METRICS:
                if seed.isdecimal() and row[metric]:
                    figures = found.setdefault((variant, seed), {}).setdefault(f"{place} {metric}", {})
                    figures[row["image"]] = float(row[metric])
    return found


def rows(out: Path, scored: Scores) -> list[dict[str, str]]:
    """One row for each training of stage 1 and 2: parameters, steps, validation, test figures."""
    names = sorted({name for figures in scored.values() for name in figures})
    found = []
    for run in read(out / "summary.csv"):
        if run["stage"] not in STAGES:
            continue
        variant, seed = run["run"].split("/")[1:]
        row = {"variant": variant, "seed": seed, "stage": run["stage"], "parameters": run["parameters"]}
        row |= {"steps": run["steps"], "minutes": f"{float(run['seconds']) / 60:.1f}"}
        row |= {name: run[name] for name in ("val/psnr", "val/ssim")}
        figures = scored.get((variant, seed), {})
        found.append(
            row | {name: f"{statistics.fmean(figures[name].values()):.4f}" if name in figures else "" for name in names}
        )
    return found


def table(rows: list[dict[str, str]], scored: Scores, stage: str) -> str:
    """Means over seeds, and the difference to the stage's base with its interval over images."""
    own = [row for row in rows if row["stage"] == stage]
    names = [
        name
        for name in (f"{place} {m}" for place in SETS.values() for m in METRICS)
        if any(row.get(name) for row in own)
    ]
    lines = [["variant", "parameters", "seeds", *(f"{name}: mean (over seeds), difference [95 %]" for name in names)]]
    for variant in dict.fromkeys(row["variant"] for row in own):
        trained = [row for row in own if row["variant"] == variant]
        cells = [variant, trained[0]["parameters"], str(len(trained))]
        lines.append([*cells, *(cell(scored, variant, STAGES[stage], name) for name in names)])
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def cell(scored: Scores, variant: str, base: str, name: str) -> str:
    """A variant's mean over seeds with its spread; its difference to the base over images, seeds averaged."""
    digits = METRICS[name.split()[-1]]
    means = {
        seed: statistics.fmean(found[name].values())
        for (who, seed), found in scored.items()
        if who == variant and name in found
    }
    if not means:
        return ""
    text = f"{statistics.fmean(means.values()):.{digits}f}"
    text += f" (±{statistics.stdev(means.values()):.{digits}f})" if len(means) > 1 else ""
    seeds = [seed for seed in means if name in scored.get((base, seed), {})]
    if variant == base or not seeds:
        return text
    images = sorted(scored[base, seeds[0]][name])
    before, after = (
        [statistics.fmean(scored[who, seed][name][image] for seed in seeds) for image in images]
        for who in (base, variant)
    )
    found = paired(before, after)
    each = [
        statistics.fmean(scored[variant, seed][name].values()) - statistics.fmean(scored[base, seed][name].values())
        for seed in seeds
    ]
    sign = ", all seeds" if len(seeds) > 1 and chance(each) < 1 else ""
    return f"{text}, {found.mean:+.{digits}f} [{found.low:+.{digits}f}, {found.high:+.{digits}f}]{sign}"


def main() -> None:
    """Write both files."""
    out = Path(sys.argv[1])
    scored = scores(out)
    found = rows(out, scored)
    for stage in STAGES:
        own = [row for row in found if row["stage"] == stage]
        with (
            written_beside(out / f"ablation_{stage}.csv") as beside,
            beside.open("w", encoding="utf-8", newline="") as file,
        ):
            write = csv.DictWriter(file, list(found[0]), lineterminator="\n")
            write.writeheader()
            write.writerows(own)
    text = "\n\n".join(f"stage={stage}\n\n{table(found, scored, stage)}" for stage in STAGES)
    with written_beside(out / "ablation.md") as beside:
        beside.write_text(f"{text}\n", encoding="utf-8")
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    main()
