from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.benchmarks.conftest import Script


def folder_of(place: Path, values: dict[str, int]) -> Path:
    """A folder of even gray images of 20 x 10 pixels."""
    place.mkdir()
    for name, value in values.items():
        Image.new("L", (20, 10), value).save(place / f"{name}.png")
    return place


def test_each_method_has_a_column_and_each_image_a_row(script: Script, tmp_path: Path) -> None:
    drawn = script("contact_sheet")
    low = folder_of(tmp_path / "low", {"a": 10, "b": 20, "c": 30})
    ours = folder_of(tmp_path / "ours", {"c": 130, "b": 120, "a": 110})
    out = tmp_path / "sheet.png"
    drawn.main([str(out), f"input={low}", f"ours={ours}", "--images", "c", "a", "--height", "40"])
    sheet = np.asarray(Image.open(out))
    assert sheet.shape == (drawn.TITLE + 40 + drawn.GAP + 40, 80 + drawn.GAP + 80, 3)
    rows, columns = (drawn.TITLE + 20, drawn.TITLE + 40 + drawn.GAP + 20), (40, 80 + drawn.GAP + 40)
    assert [[int(sheet[row, column, 0]) for column in columns] for row in rows] == [[30, 130], [10, 110]]


def test_an_image_that_a_method_lacks_is_named(script: Script, tmp_path: Path) -> None:
    low, ours = folder_of(tmp_path / "low", {"a": 10, "b": 20}), folder_of(tmp_path / "ours", {"a": 110})
    with pytest.raises(SystemExit, match="ours has no image b"):
        script("contact_sheet").main([str(tmp_path / "sheet.png"), f"input={low}", f"ours={ours}"])
    assert not (tmp_path / "sheet.png").exists()
