"""Fixtures that tests of several modules share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def reference() -> Path:
    """Folder of the reference material, from the environment variable DRBN_REFERENCE; skips the test without it."""
    folder = os.environ.get("DRBN_REFERENCE")
    if not folder:
        pytest.skip("DRBN_REFERENCE is not set")
    return Path(folder)
