import errno
import warnings
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from drbn_lightning.errors import DRBNError
from drbn_lightning.images import sixteen_bit
from drbn_lightning.images.rgb import read_rgb, resized, write_png


def colours(height: int = 8, width: int = 12) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "webp"])
def test_lossless_files_come_back_exactly(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(colours()).save(path, lossless=True)
    assert np.array_equal(read_rgb(path), colours())


@pytest.mark.parametrize("suffix", ["jpg", "avif"])
def test_lossy_files_come_back_nearly(tmp_path: Path, suffix: str) -> None:
    smooth = np.broadcast_to(np.arange(0, 240, 5, dtype=np.uint8)[None, :, None], (32, 48, 3))
    Image.fromarray(np.ascontiguousarray(smooth)).save(tmp_path / f"a.{suffix}", quality=95)
    pixels = read_rgb(tmp_path / f"a.{suffix}")
    assert pixels.shape == (32, 48, 3)
    assert np.abs(pixels.astype(int) - smooth).mean() < 2


def test_gray_palette_and_alpha_become_rgb(tmp_path: Path) -> None:
    image = Image.fromarray(colours())
    gray = np.asarray(image.convert("L"))
    image.convert("L").save(tmp_path / "gray.png")
    assert np.array_equal(read_rgb(tmp_path / "gray.png"), np.stack([gray] * 3, axis=2))
    few = image.quantize(16)
    few.save(tmp_path / "palette.png", transparency=b"\x00\x80")
    few_colours = np.asarray(few.convert("RGB"))
    image.putalpha(7)
    image.save(tmp_path / "alpha.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(read_rgb(tmp_path / "palette.png"), few_colours)
        assert np.array_equal(read_rgb(tmp_path / "alpha.png"), colours())


def test_sixteen_bits_become_eight_by_scaling_not_clipping(tmp_path: Path) -> None:
    wide = np.array([[0, 257, 128 * 257 + 128, 65535]], dtype=np.uint16)
    Image.fromarray(wide).save(tmp_path / "wide.png")
    assert read_rgb(tmp_path / "wide.png")[0, :, 0].tolist() == [0, 1, 128, 255]


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(colours()).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(read_rgb(tmp_path / "a.png"), np.rot90(colours(), -1))


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "avif", "bmp", "tif"])
def test_a_truncated_file_is_named(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"cut.{suffix}"
    Image.fromarray(colours(64, 64)).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(DRBNError, match=rf"cut\.{suffix}"):
        read_rgb(path)


def test_other_bad_files_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("not an image at all")
    write_png(tmp_path / "large.png", colours())
    for name, message in {
        "empty.png": "empty",
        "text.png": "format",
        "gone.png": "opened",
    }.items():
        with pytest.raises(DRBNError, match=f"{name} .*{message}"):
            read_rgb(tmp_path / name)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(DRBNError, match=r"large\.png"):
        read_rgb(tmp_path / "large.png")


def test_a_forbidden_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, mode: str) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    (tmp_path / "a.png").touch()
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DRBNError, match=r"a\.png cannot be opened \(Permission denied\)"):
        read_rgb(tmp_path / "a.png")


def test_png_is_written_whole_into_a_new_folder(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.png"
    write_png(path, colours())
    assert np.array_equal(read_rgb(path), colours())
    assert [file.name for file in path.parent.iterdir()] == ["a.png"]
    with pytest.raises(ValueError, match="float64"):
        write_png(path, np.zeros((2, 2, 3)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("size", "short_side", "expected"), [((40, 61), 20, (20, 30)), ((61, 40), 20, (30, 20)), ((9, 6), 12, (18, 12))]
)
def test_resizing_keeps_shape_and_level(size: tuple[int, int], short_side: int, expected: tuple[int, int]) -> None:
    small = resized(colours(*size), short_side)
    assert small.dtype == np.uint8
    assert small.shape == (*expected, 3)
    assert small.mean() == pytest.approx(colours(*size).mean(), abs=3)


def test_resizing_does_not_alias() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 200
    assert np.abs(resized(stripes, 16)[2:-2, 2:-2].astype(int) - 100).max() <= 4


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_a_colour_are_rounded_as_gray_is(tmp_path: Path, suffix: str) -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    colours = np.stack([values, values[::-1], values.T], axis=2)
    encoded = sixteen_bit.png(colours, None, None) if suffix == ".png" else sixteen_bit.tiff(colours, None, None)
    (tmp_path / f"colours{suffix}").write_bytes(encoded)
    np.testing.assert_array_equal(read_rgb(tmp_path / f"colours{suffix}"), (colours / 257).round())


def test_sixteen_bits_a_colour_are_turned_upright(tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 65536, (5, 7, 3), dtype=np.uint16)
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "turned.png").write_bytes(sixteen_bit.png(colours, exif.tobytes(), None))
    pixels = read_rgb(tmp_path / "turned.png")
    np.testing.assert_array_equal(pixels, (np.rot90(colours, -1) / 257).round())
