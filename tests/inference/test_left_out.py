import sys
from pathlib import Path

import pytest
from PIL import Image

from drbn_lightning.images.formats import HEIF, NAMELESS, RAW
from drbn_lightning.inference.left_out import Unread, counted, unread


@pytest.mark.parametrize("name", ["DSC_0001.NEF", "IMG_1.CR2", "A.ARW", "X.RAF", "a.dng"])
def test_raw_files_are_left_out(name: str) -> None:
    assert unread(Path(name)) == Unread(Path(name), RAW)


@pytest.mark.parametrize("name", ["a.jxl", "a.JP2", "a.psd", "a.exr", "a.hdr", "a.ppm"])
def test_so_are_other_images(name: str) -> None:
    assert unread(Path(name)) is not None


def test_what_is_read_or_no_photo_is_not_mentioned(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("no image")
    for name in ("a.jpg", "a.MPO", "a.gif", "a.txt", "a.mov", "a.xmp", "notes", "gone"):
        assert unread(tmp_path / name) is None


def test_an_image_without_a_suffix_is_known_by_its_content(tmp_path: Path) -> None:
    Image.new("RGB", (3, 2)).save(tmp_path / "IMG_1", format="JPEG")
    assert unread(tmp_path / "IMG_1") == Unread(tmp_path / "IMG_1", NAMELESS)


def test_heic_counts_where_its_extra_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    assert unread(Path("a.HEIC")) == Unread(Path("a.HEIC"), HEIF)


def test_each_kind_is_named_once_with_its_count() -> None:
    files = [Unread(Path(f"x/{number}.nef"), RAW) for number in range(5)] + [Unread(Path("x/a.heic"), HEIF)]
    raw, heif = counted(files)
    assert (raw.files, heif.files) == (5, 1)
    assert "5 x a camera's raw file: x/0.nef, x/1.nef, x/2.nef and 2 more" in raw.cause
    assert "drbn-lightning[raw]" in raw.cause
    assert "1 x a HEIC or HEIF photo: x/a.heic" in heif.cause
    assert "drbn-lightning[heif]" in heif.cause
    assert counted([]) == []
