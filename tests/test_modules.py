import subprocess
import sys

import pytest


@pytest.mark.parametrize("name", ["export", "page"])
def test_an_entry_point_runs_as_a_module(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", f"drbn_lightning.{name}", "--help"], capture_output=True, text=True, check=True
    )
    assert f"usage: python -m drbn_lightning.{name}" in done.stdout
