"""AVA with 160 photos for the tests of this folder."""

from pathlib import Path

import pytest

from tests.data.unpaired.photo_tables import SCORES, write_ava, write_photos


@pytest.fixture(scope="module")
def ava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """AVA with 160 photos, all of them there."""
    root = tmp_path_factory.mktemp("ava") / "AVA"
    write_ava(root / "AVA.txt", SCORES)
    write_photos(root / "images", [f"{image}.jpg" for image in SCORES])
    return root
