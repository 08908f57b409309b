"""Fixtures that tests of several modules share."""

import os
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Tests that load ONNX Runtime and OpenVINO can run in a process of their own, as `make test` does."""
    parser.addoption("--runtimes", choices=["with", "without", "only"], default="with")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what `--runtimes` says."""
    choice = config.getoption("--runtimes")
    left_out = [
        item for item in items if choice != "with" and bool(item.get_closest_marker("runtimes")) != (choice == "only")
    ]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def reference() -> Path:
    """Folder of the reference material, from the environment variable DRBN_REFERENCE; skips the test without it."""
    folder = os.environ.get("DRBN_REFERENCE")
    if not folder:
        pytest.skip("DRBN_REFERENCE is not set")
    return Path(folder)
