from pathlib import Path

import pytest

from drbn_lightning.runs.sweep_summary import CSV, MARKDOWN, PLOT
from drbn_lightning.summarize import main
from drbn_lightning.terminal import DONE, FAILED
from tests.runs.folders import run_folder


def test_it_writes_a_table_and_a_plot_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed in range(2):
        run_folder(tmp_path / str(seed), f"seed={seed}", psnr=(20.0 + seed,))
    assert main([str(tmp_path), "--by", "seed"]) == DONE
    output = capsys.readouterr().out
    assert "| run | seed | status |" in output
    assert all((tmp_path / name).is_file() and name in output for name in (CSV, MARKDOWN, PLOT))
    assert len((tmp_path / CSV).read_text().splitlines()) == 3


def test_a_folder_without_runs_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == FAILED
    assert str(tmp_path) in capsys.readouterr().err


def test_a_wrong_folder_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "nowhere")]) == 1
    assert capsys.readouterr().err.startswith(f"error: {tmp_path / 'nowhere'} is not a folder")
