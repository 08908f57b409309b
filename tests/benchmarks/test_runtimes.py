import sys

import pytest

from tests.benchmarks.conftest import Script


@pytest.mark.slow
def test_every_runtime_is_timed(
    script: Script, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["runtimes", "--size", "24", "32", "--rounds", "1", "--threads", "1"])
    assert script("runtimes").main() == 0
    said = capsys.readouterr().out
    assert "one image of 24 x 32" in said
    assert {"torch", "onnxruntime", "openvino"} <= {line.split()[0] for line in said.splitlines() if line.strip()}
