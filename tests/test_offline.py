"""No command tells anybody that it runs: nothing asks for a connection, and nothing is left in the home folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from drbn_lightning.extras import SETTINGS
from tests.offline import CAN, CAUGHT
from tests.processes import LIMIT
from tests.running import published

pytestmark = pytest.mark.skipif(not CAN, reason="needs Linux's filters of system calls")
ROOT = Path(__file__).parents[1]


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a module without the internet, with an empty home folder and none of the variables that keep it quiet."""
    for name in ("home", "tmp"):
        (folder / name).mkdir(exist_ok=True)
    told = {name for settings in SETTINGS.values() for name in settings}
    own = {name: value for name, value in os.environ.items() if name not in told and not name.startswith("XDG_")}
    own |= {"HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp"), "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"}
    command = [sys.executable, "-B", str(ROOT / "tests" / "offline.py"), *words]
    return subprocess.run(command, env=own, cwd=folder, capture_output=True, text=True, timeout=LIMIT, check=False)


def left(folder: Path) -> list[str]:
    """What lies in the home folder and that of temporary files."""
    return [str(path.relative_to(folder)) for name in ("home", "tmp") for path in (folder / name).rglob("*")]


def test_the_guard_sees_what_a_library_asks_for(tmp_path: Path) -> None:
    (tmp_path / "asks.py").write_text("import socket, sys; socket.socket(getattr(socket, sys.argv[1]))")
    (tmp_path / "quiet.py").write_text("import socket; socket.socket(socket.AF_UNIX)")
    for family in ("AF_INET", "AF_INET6"):
        assert run(tmp_path, "asks", family).returncode == CAUGHT
    assert run(tmp_path, "quiet").returncode == 0


@pytest.mark.parametrize("runtime", ["auto", "torch", "onnx", "openvino"])
def test_enhance_tells_nobody(tmp_path: Path, runtime: str) -> None:
    Image.new("RGB", (12, 8), (20, 21, 22)).save(tmp_path / "a.png")
    done = run(tmp_path, "drbn_lightning.enhance", "a.png", "-o", "b.png", "--runtime", runtime)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "b.png").is_file()
    assert left(tmp_path) == []


@pytest.mark.slow
def test_export_tells_nobody(tmp_path: Path) -> None:
    checkpoint = published(tmp_path / "artifacts") / "band.pt"
    done = run(tmp_path, "drbn_lightning.export", "--checkpoint", str(checkpoint), "-o", "c.onnx")  # runs every runtime
    assert done.returncode == 0, done.stderr
    assert "openvino" in done.stdout
    assert left(tmp_path) == []
