"""Fixtures that tests of several modules share."""

import logging
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from drbn_lightning.terminal import LOG

SLOW = 10
"""A slow test counts as much as so many others where the tests are shared out; its mark may say otherwise."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """What `make` asks for: processes of their own for ONNX Runtime and OpenVINO, and the failures once more."""
    parser.addoption("--reliability", action="store_true", help="run what tests/reliability tries many times, only")
    parser.addoption("--runtimes", choices=["with", "without", "only"], default="with")
    parser.addoption("--failures", type=Path, help="add a line for each test that fails to the end of this file")


def pytest_configure() -> None:
    """Have processes that tests start listen to Ctrl-C, also where the tests run in the background of a script."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Spare the process of the runtimes the import of files without a test for it."""
    asked = config.getoption("--runtimes") == "only" and collection_path.suffix == ".py"
    return True if asked and "mark.runtimes" not in collection_path.read_text(encoding="utf-8") else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what the options say, and begin with the long files: no process waits for one at the end."""
    choice, many_times = config.getoption("--runtimes"), config.getoption("--reliability")
    left_out = [
        item
        for item in items
        if (choice != "with" and bool(item.get_closest_marker("runtimes")) != (choice == "only"))
        or bool(item.get_closest_marker("reliability")) != many_times
    ]
    config.hook.pytest_deselected(items=left_out)
    length = Counter[Path]()
    for item in items:
        slow = item.get_closest_marker("slow")
        length[item.path] += slow.kwargs.get("seconds", SLOW) if slow else 1
    gone = set(left_out)
    items[:] = sorted((item for item in items if item not in gone), key=lambda item: -length[item.path])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Write down what failed, so that it can be said again below the output of later parts."""
    reports = [*terminalreporter.stats.get("failed", []), *terminalreporter.stats.get("error", [])]
    path, is_worker = config.getoption("--failures"), "PYTEST_XDIST_WORKER" in os.environ  # the workers sum up as well
    if path and reports and not is_worker:
        path.parent.mkdir(exist_ok=True)
        with path.open("a") as file:
            file.writelines(f"{failure(report)}\n" for report in reports)


def failure(report: pytest.TestReport | pytest.CollectReport) -> str:
    """The line of a test that failed: its name, and how its message begins."""
    crash = getattr(report.longrepr, "reprcrash", None)
    reason = crash.message.partition("\n")[0] if crash else str(report.longrepr).strip().rpartition("\n")[2]
    return f"FAILED {report.nodeid}: {reason[:200]}"


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.LogCaptureFixture]:
    """What the package logs, whatever runs of Hydra in this process have made of its logger."""
    settings = {"handlers": [caplog.handler], "propagate": False, "disabled": False}
    for name, value in settings.items():
        monkeypatch.setattr(LOG, name, value)
    level = LOG.level
    LOG.setLevel(logging.INFO)  # not by its attribute: loggers remember what they are enabled for
    yield caplog
    LOG.setLevel(level)


@pytest.fixture(scope="session")
def reference() -> Path:
    """Folder of the reference material, from the environment variable DRBN_REFERENCE; skips the test without it."""
    folder = os.environ.get("DRBN_REFERENCE")
    if not folder:
        pytest.skip("DRBN_REFERENCE is not set")
    return Path(folder)
