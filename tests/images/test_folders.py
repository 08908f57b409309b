import errno
from pathlib import Path

import pytest

from drbn_lightning.errors import DRBNError
from drbn_lightning.images.folders import list_images


def test_lists_naturally_and_ignores_what_is_no_image(tmp_path: Path) -> None:
    wanted = ["1.PNG", "2.webp", "10.avif", "a9.JPeG", "a11.tiff", "b.bmp"]
    for name in [*wanted, ".hidden.png", "._1.png", ".DS_Store", "Thumbs.db", "notes.txt"]:
        (tmp_path / name).touch()
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "folder.png").mkdir()
    assert [file.name for file in list_images(tmp_path)] == wanted


def test_listing_names_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(DRBNError, match="gone"):
        list_images(tmp_path / "gone")
    with pytest.raises(DRBNError, match=r"\.png, \.jpg"):
        list_images(tmp_path)
    (tmp_path / "a.png").touch()
    with pytest.raises(DRBNError, match=r"a\.png"):
        list_images(tmp_path / "a.png")


def test_listing_an_unreadable_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(DRBNError, match=str(tmp_path)):
        list_images(tmp_path)


def test_what_looks_like_a_photo_is_named_once(tmp_path: Path, log: pytest.LogCaptureFixture) -> None:
    for name in ("1.NEF", "2.nef", "a.heic", ".b.nef", "notes.txt"):
        (tmp_path / name).touch()
    with pytest.raises(DRBNError, match=r"no image.*2 x a camera's raw file: 1\.NEF, 2\.nef;.*1 x a HEIC .*a\.heic"):
        list_images(tmp_path)
    (tmp_path / "a.png").touch()
    for _ in range(2):
        assert [file.name for file in list_images(tmp_path)] == ["a.png"]
    (record,) = log.records
    assert "2 x a camera's raw file: 1.NEF, 2.nef" in record.message
