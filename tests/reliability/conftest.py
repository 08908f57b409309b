"""Fixtures that the tests of reliability share."""

from pathlib import Path

import pytest

from tests.running import published


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny networks of the earlier stages."""
    return published(tmp_path_factory.mktemp("published"))
