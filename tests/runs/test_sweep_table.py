import csv
import io
from pathlib import Path

import pytest

from drbn_lightning.errors import DRBNError
from drbn_lightning.runs.sweep_table import (
    as_csv,
    as_markdown,
    number,
    read_sweep,
    stages_of,
    table_of_runs,
    table_over_seeds,
    varied,
)
from tests.runs.folders import run_folder


def test_runs_come_in_natural_order_with_their_best_validation(tmp_path: Path) -> None:
    for job in (0, 2, 10):
        run_folder(tmp_path / str(job), f"network.recursions={job}", psnr=[20.0, 20.0 + job, 19.0])
    runs = read_sweep(tmp_path)
    assert [run.name for run in runs] == ["0", "2", "10"]
    assert [run.best for run in runs] == [20.0, 22.0, 30.0]
    assert runs[1].figures == {"val/psnr": 22.0, "val/ssim": 0.22}
    assert runs[1].facts["parameters"] == 100


def test_a_figure_to_be_small_is_best_where_it_is_smallest(tmp_path: Path) -> None:
    run_folder(tmp_path / "0", psnr=[3.0, 1.0, 2.0], mode="min")
    (run,) = read_sweep(tmp_path)
    assert (run.best, run.figures["val/ssim"]) == (1.0, 0.01)


def test_columns_are_what_varied_the_seed_last_and_nothing_about_the_place(tmp_path: Path) -> None:
    common = ("trainer=smoke", "hydra.run.dir=x", "resume=auto")
    run_folder(tmp_path / "0", "seed=0", *common, "+stage.loss.lambda1=0.1", "paths.artifacts=a")
    run_folder(tmp_path / "1", "seed=1", *common, "+stage.loss.lambda1=1", "paths.artifacts=b")
    assert varied(read_sweep(tmp_path)) == ["stage.loss.lambda1", "seed"]


def test_failed_and_killed_runs_say_why(tmp_path: Path) -> None:
    run_folder(tmp_path / "0", "seed=0")
    run_folder(tmp_path / "1", "seed=1", psnr=[], more={"status": "failed", "reason": "data.root | is not set"})
    run_folder(tmp_path / "2", "seed=2", psnr=[19.0], more={"status": "running", "best": None})
    runs = read_sweep(tmp_path)
    table = table_of_runs(runs, ["seed"])
    assert table.headings == ["run", "seed", "status", "best val/psnr", "val/psnr", "val/ssim", "parameters", "steps",
                              "minutes", "reason"]  # fmt: skip
    assert table.rows[0] == ["0", "0", "finished", "22.500", "22.500", "0.225", "100", "6", "1.5", ""]
    assert table.rows[1][2:4] == ["failed", ""]
    assert (table.rows[2][3], table.rows[2][-1]) == ("19.000", "it has not ended: it still runs, or was killed")
    assert r"data.root \| is not set" in as_markdown(table)


def test_seeds_are_gathered(tmp_path: Path) -> None:
    for job, (depth, seed, value) in enumerate([(1, 0, 20.0), (1, 1, 21.0), (2, 0, 23.0), (2, 1, 25.0), (2, 2, 27.0)]):
        run_folder(tmp_path / str(job), f"depth={depth}", f"seed={seed}", psnr=[value])
    run_folder(tmp_path / "9", "depth=2", "seed=9", psnr=[1.0], more={"status": "failed", "reason": "x"})
    table = table_over_seeds(read_sweep(tmp_path), ["depth", "seed"])
    assert table is not None
    assert table.headings == ["depth", "seeds", "mean best val/psnr", "standard deviation"]
    assert table.rows == [["1", "2", "20.500", "0.7071"], ["2", "3", "25.000", "2.000"]]


def test_without_several_seeds_there_is_nothing_to_gather(tmp_path: Path) -> None:
    run_folder(tmp_path / "0", "depth=1", "seed=0")
    run_folder(tmp_path / "1", "depth=2", "seed=1")
    assert table_over_seeds(read_sweep(tmp_path), ["depth"]) is None
    assert table_over_seeds(read_sweep(tmp_path), ["depth", "seed"]) is None


def test_stages_are_told_apart_in_the_order_of_training(tmp_path: Path) -> None:
    for job, stage in enumerate(["recompose", "band", "mine", "quality"]):
        run_folder(tmp_path / str(job), stage=stage)
    assert [stage for stage, _ in stages_of(read_sweep(tmp_path))] == ["band", "quality", "recompose", "mine"]


def test_csv_holds_everything(tmp_path: Path) -> None:
    run_folder(tmp_path / "0", "data.root='a,b'", "seed=0")
    run_folder(tmp_path / "1", "data.root=c", "seed=0", psnr=[], more={"status": "failed", "reason": 'a "b"\nc'})
    runs = read_sweep(tmp_path)
    rows = list(csv.DictReader(io.StringIO(as_csv(runs, varied(runs)))))
    assert [row["data.root"] for row in rows] == ["'a,b'", "c"]
    assert (rows[0]["best"], rows[0]["val/ssim"], rows[0]["commit"]) == ("22.5", "0.225", "abc")
    assert (rows[1]["best"], rows[1]["reason"]) == ("", 'a "b"\nc')


def test_nothing_to_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DRBNError, match="nowhere"):
        read_sweep(tmp_path / "nowhere")
    with pytest.raises(DRBNError, match=r"run\.json"):
        read_sweep(tmp_path)
    run_folder(tmp_path / "0", "seed=0")
    with pytest.raises(DRBNError, match=r"depth.* seed"):
        read_sweep(tmp_path, ["depth"])


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), (0.00012345, "0.0001234"), (-0.5, "-0.5"), (21.23456, "21.235")]
)
def test_numbers_are_short(value: float | None, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(("mode", "best"), [("max", 3.0), ("min", 1.0)])
def test_what_is_no_number_is_not_the_best(tmp_path: Path, mode: str, best: float) -> None:
    nan = float("nan")
    run_folder(tmp_path / "0", psnr=[nan, 3.0, 1.0, nan], mode=mode, more={"best": None})
    assert read_sweep(tmp_path)[0].best == best
