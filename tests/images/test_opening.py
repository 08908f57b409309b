import io
import os
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from drbn_lightning.errors import DRBNError
from drbn_lightning.images.opening import any_size, opened
from drbn_lightning.images.photo import read_photograph, write_photograph
from drbn_lightning.images.rgb import read_rgb


def noise(height: int = 48, width: int = 64) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def smooth(height: int = 48, width: int = 64) -> NDArray[np.uint8]:
    down, across = np.mgrid[0:height, 0:width]
    return np.stack([down, across, down + across], axis=2).astype(np.uint8)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"optimize": True}, {"subsampling": 0, "quality": 100}])
@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("image", [noise(), smooth()], ids=["noise", "smooth"])
def test_a_jpeg_file_that_lacks_only_its_end_is_read(
    tmp_path: Path, image: NDArray[np.uint8], mode: str, options: dict[str, int]
) -> None:
    buffer = io.BytesIO()
    Image.fromarray(image).convert(mode).save(buffer, "JPEG", **options)
    whole = np.asarray(Image.open(buffer).convert("RGB"))
    cut = buffer.getvalue()[:-2]
    for name, content in {"no_eoi": cut, "half_eoi": buffer.getvalue()[:-1], "zeros": cut + bytes(100)}.items():
        path = tmp_path / f"{name}.jpg"
        path.write_bytes(content)
        np.testing.assert_array_equal(read_photograph(path).pixels, whole)
        np.testing.assert_array_equal(read_rgb(path), whole)


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
@pytest.mark.parametrize("missing", [8, 20, 200])
def test_a_jpeg_file_that_lacks_pixels_is_refused(tmp_path: Path, options: dict[str, int], missing: int) -> None:
    buffer = io.BytesIO()
    Image.fromarray(noise()).save(buffer, "JPEG", **options)
    (tmp_path / "a.jpg").write_bytes(buffer.getvalue()[:-missing])
    for read in (read_photograph, read_rgb):
        with pytest.raises(DRBNError, match=r"a\.jpg is truncated or corrupt"):
            read(tmp_path / "a.jpg")


@pytest.mark.parametrize("options", [{"progressive": True, "quality": 90}, {"restart_marker_blocks": 1}])
def test_a_jpeg_file_is_never_read_with_other_pixels_wherever_it_is_cut(
    tmp_path: Path, options: dict[str, int]
) -> None:
    buffer = io.BytesIO()
    Image.fromarray(noise(17, 22)).save(buffer, "JPEG", **options)
    content, whole, refusals = buffer.getvalue(), np.asarray(Image.open(buffer)), 0
    for length in range(len(content) // 2, len(content)):
        (tmp_path / "a.jpg").write_bytes(content[:length])
        try:
            np.testing.assert_array_equal(read_rgb(tmp_path / "a.jpg"), whole)
        except DRBNError:
            refusals += 1
    assert refusals > len(content) // 3


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"\xff\x0a rest", "a JPEG XL image"), (b"\0\0\0\x14ftypqt  ", "a video"), (b"8BPS\0\1", "a Photoshop file"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 image"), (b"<!DOCTYPE html>", "a web page"),
    ],
)  # fmt: skip
def test_other_formats_are_named_with_the_way_out(tmp_path: Path, content: bytes, name: str) -> None:
    (tmp_path / "photo.jpg").write_bytes(content.ljust(200, b"\0"))
    with pytest.raises(DRBNError, match=rf"photo\.jpg is {name}.*(first|itself)") as raised:
        read_photograph(tmp_path / "photo.jpg")
    assert "corrupt" not in str(raised.value)
    assert "remove" not in str(raised.value)


@pytest.mark.parametrize("name", ["photo.heic", "photo.jpg"])
def test_heic_photos_are_read_upright(tmp_path: Path, name: str) -> None:
    heif = pytest.importorskip("pillow_heif")
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Maker", 6
    heif.from_pillow(Image.fromarray(smooth())).save(tmp_path / "b.heic", quality=95, exif=exif.tobytes())
    (tmp_path / name).write_bytes((tmp_path / "b.heic").read_bytes())
    photograph = read_photograph(tmp_path / name)
    expected = np.rot90(smooth(), -1)
    assert photograph.pixels.shape == expected.shape
    assert np.abs(photograph.pixels.astype(int) - expected).mean() < 5
    assert np.abs(read_rgb(tmp_path / name).astype(int) - expected).mean() < 5
    write_photograph(tmp_path / "c.jpg", photograph)
    with Image.open(tmp_path / "c.jpg") as image:
        assert image.getexif()[0x010F] == "Maker"
        assert image.getexif().get(0x0112, 1) == 1
        assert image.size == (48, 64)


def test_without_the_extra_heic_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    (tmp_path / "photo.jpg").write_bytes(b"\0\0\0\x18ftypheic".ljust(100, b"\0"))
    for read in (read_photograph, read_rgb):
        with pytest.raises(DRBNError, match=r"photo\.jpg is a HEIC or HEIF photo.*drbn-lightning\[heif\]"):
            read(tmp_path / "photo.jpg")


def test_a_pipe_is_refused_and_hangs_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    for read in (read_photograph, read_rgb):
        with pytest.raises(DRBNError, match=r"pipe\.png is a pipe or a device"):
            read(tmp_path / "pipe.png")


def test_any_size_where_it_is_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    for name in ("a.png", "a.tif"):
        Image.fromarray(noise()).save(tmp_path / name)
        with any_size(True):
            assert read_photograph(tmp_path / name).pixels.shape == (48, 64, 3)
        with any_size(False), pytest.raises(DRBNError, match=r"too many pixels .*--allow-large"):
            read_photograph(tmp_path / name)


def test_long_profiles_and_texts_are_no_reason_to_refuse(tmp_path: Path) -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", "night " * 400_000, zip=True)
    profile = bytes(range(256)) * 10_000
    Image.fromarray(noise()).save(tmp_path / "a.png", pnginfo=texts, icc_profile=profile)
    photograph = read_photograph(tmp_path / "a.png")
    assert photograph.icc_profile == profile
    assert photograph.metadata.comment == b"night " * 400_000
    assert len(photograph.metadata.chunks) == 1
    assert np.array_equal(read_rgb(tmp_path / "a.png"), noise())


def test_what_others_warn_of_while_a_file_is_open_is_heard(tmp_path: Path) -> None:
    Image.new("RGB", (4, 5)).save(tmp_path / "a.png")
    with pytest.warns(UserWarning, match="mine"), opened(tmp_path / "a.png"):
        warnings.warn("mine", stacklevel=1)
