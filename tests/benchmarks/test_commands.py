import sys
from pathlib import Path

import pytest
from PIL import Image

from drbn_lightning.names import DEFAULT_NETWORK
from tests.benchmarks.conftest import Script


def test_help_is_always_measured_and_a_photo_by_the_network_that_is_named(script: Script, tmp_path: Path) -> None:
    commands = script("commands")
    options = commands.argparse.Namespace(
        photo=tmp_path / "a.png", large=None, folder=None, runtimes=["onnx"], network="drbn"
    )
    made = commands.cases(options, tmp_path)
    assert list(made) == ["--help", "photo, onnx"]
    (words,) = made["photo, onnx"]
    assert words[words.index("--network") + 1] == "drbn" != DEFAULT_NETWORK


@pytest.mark.slow
def test_a_photo_is_measured(
    script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (20, 12), (9, 8, 7)).save(tmp_path / "a.png")
    words = ["commands", "--photo", str(tmp_path / "a.png"), "--rounds", "1", "--runtimes", "auto"]
    monkeypatch.setattr(sys, "argv", words)
    script("commands").main()
    lines = [line.split() for line in capfd.readouterr().out.splitlines() if " s CPU" in line]
    assert [line[0] for line in lines] == ["--help", "photo,"]
    assert all(float(line[-2]) > 5 for line in lines)  # MB
