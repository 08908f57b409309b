import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from drbn_lightning.errors import DRBNError
from drbn_lightning.images.photo import read_photograph
from drbn_lightning.images.rgb import read_rgb


def dng(path: Path, orientation: int = 1) -> None:
    """A raw file of a dark gray surface, the left half darker."""
    sensor = np.full((64, 96), 6000, np.uint16)
    sensor[:, :48] = 1500
    tags = [
        (33421, "H", 2, (2, 2), True), (33422, "B", 4, (0, 1, 1, 2), True), (50706, "B", 4, (1, 4, 0, 0), True),
        (50707, "B", 4, (1, 1, 0, 0), True), (50708, "s", 0, "Test Camera", True), (271, "s", 0, "Maker", True),
        (50721, "2i", 9, (1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1), True),
        (50728, "2I", 3, (1, 1, 1, 1, 1, 1), True), (50717, "H", 1, 65535, True), (50778, "H", 1, 21, True),
        (274, "H", 1, orientation, True),
    ]  # fmt: skip
    tifffile.imwrite(path, sensor, photometric="cfa", extratags=tags, metadata=None)


@pytest.mark.parametrize("name", ["a.dng", "A.NEF", "a.tif"])
def test_raw_files_are_developed_upright_and_as_dark_as_they_are(tmp_path: Path, name: str) -> None:
    pytest.importorskip("rawpy")
    dng(tmp_path / name, orientation=6)
    photograph = read_photograph(tmp_path / name)
    assert photograph.pixels.shape == (96, 64, 3)
    assert photograph.pixels.dtype == np.uint16
    assert photograph.format == "PNG"
    upper, lower = photograph.pixels[:40].mean() / 65535, photograph.pixels[56:].mean() / 65535
    assert 0.05 < upper < lower / 1.5 < 0.3
    exif = Image.Exif()
    exif.load(photograph.exif or b"")
    assert (exif[271], exif.get(274, 1)) == ("Maker", 1)
    assert np.abs(read_rgb(tmp_path / name).astype(float) - photograph.pixels / 257).max() <= 0.51


@pytest.mark.parametrize("name", ["a.dng", "DSC_1.NEF", "a.raf"])
def test_without_the_extra_raw_files_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(sys.modules, "rawpy", None)
    if name.endswith("raf"):
        (tmp_path / name).write_bytes(b"FUJIFILMCCD-RAW ".ljust(100, b"\0"))
    else:
        dng(tmp_path / name)
    for read in (read_photograph, read_rgb):
        with pytest.raises(DRBNError, match=rf"{name} holds a camera's raw data; develop it.*drbn-lightning\[raw\]"):
            read(tmp_path / name)


def test_what_libraw_cannot_read_is_said(tmp_path: Path) -> None:
    pytest.importorskip("rawpy")
    (tmp_path / "a.arw").write_bytes(b"II*\0" + bytes(60))
    with pytest.raises(DRBNError, match=r"a\.arw holds a camera's raw data; develop it.*LibRaw cannot read"):
        read_photograph(tmp_path / "a.arw")


def test_too_many_pixels_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rawpy")
    dng(tmp_path / "a.dng")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(DRBNError, match="too many pixels"):
        read_photograph(tmp_path / "a.dng")
