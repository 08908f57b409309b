from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from pytest import MonkeyPatch  # noqa: PT013 only the type

from drbn_lightning.runs import sweep_plot
from drbn_lightning.runs.sweep_table import read_sweep
from tests.runs.folders import run_folder


def drawn(monkeypatch: MonkeyPatch, folder: Path) -> Figure:
    """The figure that is written for the runs of a folder."""
    figures: list[Figure] = []
    save = Figure.savefig

    def keep(figure: Figure, *arguments: Any, **more: Any) -> None:  # noqa: ANN401 as matplotlib has it
        figures.append(figure)
        save(figure, *arguments, **more)

    monkeypatch.setattr(Figure, "savefig", keep)
    sweep_plot.write_plot(read_sweep(folder), folder / "sweep_plot.png")
    with Image.open(folder / "sweep_plot.png") as image:
        assert np.asarray(image.convert("L")).std() > 5
    return figures[0]


def test_a_number_goes_along_the_axis(tmp_path: Path, monkeypatch: MonkeyPatch) -> None:
    for job, (depth, value) in enumerate([(4, 23.0), (1, 20.0), (1, 21.0)]):
        run_folder(tmp_path / str(job), f"depth={depth}", f"seed={job}", psnr=[value])
    (field,) = drawn(monkeypatch, tmp_path).axes
    assert field.get_xlabel() == "depth"
    (line,) = field.lines
    assert np.asarray(line.get_xydata()).tolist() == [[1.0, 20.5], [4.0, 23.0]]
    dots = [tuple(place) for group in field.collections for place in np.asarray(group.get_offsets()).tolist()]
    assert sorted(dots) == [(1.0, 20.0), (1.0, 21.0), (4.0, 23.0)]


def test_choices_have_a_line_each_and_failures_are_named(tmp_path: Path, monkeypatch: MonkeyPatch) -> None:
    for job, (choice, width) in enumerate([("unet", 4), ("flat", 4), ("flat", 8)]):
        run_folder(tmp_path / str(job), f"recomposer={choice}", f"network.width={width}", psnr=[20.0 + job])
    run_folder(tmp_path / "3", "recomposer=flat", "network.width=0", psnr=[], more={"status": "failed"})
    (field,) = drawn(monkeypatch, tmp_path).axes
    labels = [label.get_text() for label in field.get_yticklabels()]
    assert labels == ["recomposer=unet, width=4", "recomposer=flat, width=4", "recomposer=flat, width=8"]
    assert any("without a figure: 3 (failed)" in text.get_text() for text in field.texts)


def test_each_stage_has_a_field(tmp_path: Path, monkeypatch: MonkeyPatch) -> None:
    for job, stage in enumerate(["band", "recompose"]):
        run_folder(tmp_path / str(job), "seed=0", stage=stage)
    fields = drawn(monkeypatch, tmp_path).axes
    assert [field.get_title(loc="left") for field in fields] == [
        "stage=band: best val/psnr", "stage=recompose: best val/psnr",
    ]  # fmt: skip


def test_runs_without_any_figure_still_give_an_image(tmp_path: Path, monkeypatch: MonkeyPatch) -> None:
    run_folder(tmp_path / "0", "seed=0", psnr=[], more={"status": "failed"})
    (field,) = drawn(monkeypatch, tmp_path).axes
    assert "without a figure: 0 (failed)" in field.texts[0].get_text()


def test_wide_ranges_are_logarithmic_and_long_values_short(tmp_path: Path, monkeypatch: MonkeyPatch) -> None:
    for job, rate in enumerate([1e-4, 1e-1]):
        run_folder(tmp_path / str(job), f"lr={rate}")
    assert drawn(monkeypatch, tmp_path).axes[0].get_xscale() == "log"
    (tmp_path / "more").mkdir()
    for job, place in enumerate(["a" * 80, "b" * 80]):
        run_folder(tmp_path / "more" / str(job), f"uses.band={place}")
    labels = [label.get_text() for label in drawn(monkeypatch, tmp_path / "more").axes[0].get_yticklabels()]
    assert labels == ["..." + "a" * 32, "..." + "b" * 32]


def test_choices_with_one_short_label_stay_apart(tmp_path: Path, monkeypatch: MonkeyPatch) -> None:
    names = [f"stage.loss.a_long_name_of_a_term_{letter}" for letter in "abcd"]
    for job in range(2):
        run_folder(tmp_path / str(job), *(f"{name}={job}" for name in names), psnr=[20.0 + job])
    (field,) = drawn(monkeypatch, tmp_path).axes
    assert len(field.get_yticklabels()) == 2


def test_many_failures_make_no_giant_image(tmp_path: Path) -> None:
    for job in range(120):
        more = {"status": "failed"} if job else {}
        run_folder(tmp_path / str(job), f"seed={job}", psnr=[] if job else [20.0], more=more)
    sweep_plot.write_plot(read_sweep(tmp_path), tmp_path / "sweep_plot.png")
    with Image.open(tmp_path / "sweep_plot.png") as image:
        assert max(image.size) < 2000
