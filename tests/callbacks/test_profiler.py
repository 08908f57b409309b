from pathlib import Path

import pytest

from drbn_lightning.callbacks.profiler import ReadableProfiler
from drbn_lightning.tasks.train import train
from tests.running import tiny


def test_the_longest_actions_come_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    profiler = ReadableProfiler(str(tmp_path / "profile.txt"), rows=2)
    profiler.recorded_durations = {"[Callback]Mine.on_end": [0.5], "fit": [2.0, 1.0], "short": [0.1]}
    profiler.describe()
    text = (tmp_path / "profile.txt").read_text()
    lines = text.splitlines()
    assert [line.split()[-1] for line in lines[2:]] == ["action", "fit", "Mine.on_end"]
    assert lines[3].split()[1:4] == ["3.00", "1.5000", "2"]
    assert text in capsys.readouterr().out


def test_a_run_ends_with_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(tiny(tmp_path / "run", "debug=profiler"), "band", [], publish=True)
    text = (tmp_path / "run" / "profile.txt").read_text()
    assert "run_training_epoch" in text
    assert text in capsys.readouterr().out
    assert not (tmp_path / "run" / "artifacts").exists()
