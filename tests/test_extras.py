import os
import subprocess
import sys
from types import ModuleType

import pytest

from drbn_lightning import extras
from drbn_lightning.errors import DRBNError
from drbn_lightning.extras import extra
from tests.processes import LIMIT

# Counts what OpenVINO would send: its telemetry opens addresses by urllib, in threads that end before the process does.
WATCHED = """
import sys
called = []
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "urllib.Request"):
        called.append(event)
sys.addaudithook(watch)
from drbn_lightning.extras import extra
extra("openvino", "openvino").Core().available_devices
import atexit
atexit._run_exitfuncs()
import threading
for thread in threading.enumerate():
    if thread is not threading.main_thread():
        thread.join(10)
print(called, [name for name in sys.modules if name.startswith("openvino_telemetry")])
"""


def test_a_missing_package_is_named_with_its_extra() -> None:
    with pytest.raises(DRBNError, match=r"no_such_package.*'drbn-lightning\[page\]'"):
        extra("no_such_package", "page")


@pytest.mark.runtimes
def test_onnx_runtime_sends_nothing_and_needs_no_home() -> None:
    program = "from drbn_lightning.extras import extra; extra('onnxruntime', 'onnx')"
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment | {"HOME": "/proc/none"},  # where telemetry would keep its name for this machine
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("", "")


def test_openvino_sends_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", WATCHED], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] []"


def test_what_was_barred_can_be_imported_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(extras.WITHOUT, "no_such_package", "telemetry_of_it")
    with pytest.raises(DRBNError):
        extra("no_such_package", "page")
    assert "telemetry_of_it" not in sys.modules


def test_what_was_imported_before_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = ModuleType("telemetry_of_it")
    monkeypatch.setitem(sys.modules, "telemetry_of_it", loaded)
    monkeypatch.setitem(extras.WITHOUT, "json", "telemetry_of_it")
    extra("json", "page")
    assert sys.modules["telemetry_of_it"] is loaded
