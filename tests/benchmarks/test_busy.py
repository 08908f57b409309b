import json
from pathlib import Path

import pytest

from tests.benchmarks.conftest import Script


@pytest.mark.slow
def test_every_neighbour_is_measured(script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "busy.json"
    words = ["--size", "16", "--batch", "1", "--rounds", "1", "--ways", "ours", "--json", str(target)]
    monkeypatch.setattr("sys.argv", ["busy.py", *words])
    assert script("busy").main() == 0
    assert list(json.loads(target.read_text())["results"]) == [
        "alone: ours",
        "beside a loop: ours",
        "beside a training: ours",
    ]
