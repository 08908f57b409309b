"""Fixtures that tests of several modules share."""

import logging
import os
import signal
from pathlib import Path

import pytest

from drbn_lightning.terminal import LOG


def pytest_addoption(parser: pytest.Parser) -> None:
    """Tests that load ONNX Runtime and OpenVINO can run in a process of their own, as `make test` does."""
    parser.addoption("--runtimes", choices=["with", "without", "only"], default="with")


def pytest_configure() -> None:
    """Have processes that tests start listen to Ctrl-C, also where the tests run in the background of a script."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what `--runtimes` says."""
    choice = config.getoption("--runtimes")
    left_out = [
        item for item in items if choice != "with" and bool(item.get_closest_marker("runtimes")) != (choice == "only")
    ]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> pytest.LogCaptureFixture:
    """What the package logs, whatever runs of Hydra in this process have made of its logger."""
    settings = {"handlers": [caplog.handler], "level": logging.INFO, "propagate": False, "disabled": False}
    for name, value in settings.items():
        monkeypatch.setattr(LOG, name, value)
    return caplog


@pytest.fixture(scope="session")
def reference() -> Path:
    """Folder of the reference material, from the environment variable DRBN_REFERENCE; skips the test without it."""
    folder = os.environ.get("DRBN_REFERENCE")
    if not folder:
        pytest.skip("DRBN_REFERENCE is not set")
    return Path(folder)
