import json
from pathlib import Path

import pytest

from tests.benchmarks.conftest import Script
from tests.running import TINY_SCENES


def test_samples_a_second(
    script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "found.json"
    words = ["--workers", "0", "--rounds", "2", "--threads", "1", "--step-seconds", "1", "--json", str(target)]
    monkeypatch.setattr("sys.argv", ["input_pipeline.py", *words, *TINY_SCENES])
    assert script("input_pipeline").main() == 0
    found = json.loads(target.read_text())["results"]["0 loading processes"]
    assert found["samples_per_second"] == pytest.approx(8 / found["median"])
    assert "times what training consumes" in capsys.readouterr().out


@pytest.mark.slow
def test_memory_of_few_and_of_many_images(
    script: Script, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline = script("input_pipeline")
    monkeypatch.setattr(pipeline, "SIZES", (24, 26))
    monkeypatch.setattr("sys.argv", ["input_pipeline.py", "--memory", "--threads", "1"])
    assert pipeline.main() == 0
    assert "26 images" in capsys.readouterr().out
