import io
import os
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms, PngImagePlugin

from drbn_lightning.errors import DRBNError
from drbn_lightning.files import UnwritableError
from drbn_lightning.images.photo import Photograph, read_photograph, write_photograph

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
EVERY_SUFFIX = ("jpg", "png", "webp", "tif", "bmp", "avif")
LOSSLESS = ("png", "tif", "bmp")


def colours(height: int = 8, width: int = 12, channels: int = 3, dtype: type = np.uint8) -> NDArray[Any]:
    """Distinct at every pixel, and smooth enough for lossy formats."""
    down, across = np.mgrid[0:height, 0:width]
    planes = [40 + 12 * down + 5 * across, 200 - 10 * down, 60 + 9 * across, 90 + 6 * down + across]
    image = np.stack(planes[:channels], axis=2).clip(0, 255)
    return (image * 257 + 19 * down[..., None] if dtype == np.uint16 else image).astype(dtype)


def exif_of(orientation: int = 1) -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif[0x0112] = orientation
    exif.get_ifd(0x8769)[0x8827] = 1600
    exif.get_ifd(0x8825)[1] = "N"
    return exif


def check_described(path: Path) -> None:
    """The file tells what `exif_of` tells, and that it is upright."""
    with Image.open(path) as image:
        image.load()
        exif = image.getexif()
        assert exif[0x010F] == "Maker"
        assert exif.get(0x0112, 1) == 1
        assert exif.get_ifd(0x8769)[0x8827] == 1600
        assert exif.get_ifd(0x8825)[1] == "N"
        assert image.info["icc_profile"] == SRGB


def deep_file(path: Path, image: NDArray[np.uint16]) -> None:
    order = [2, 1, 0, 3][: image.shape[2]]
    assert cv2.imwrite(str(path), image[..., order])


def deep_content(path: Path) -> NDArray[Any]:
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    return pixels if pixels.ndim == 2 else pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]


@pytest.mark.parametrize("suffix", EVERY_SUFFIX)
@pytest.mark.parametrize("gray", [False, True])
def test_every_format_goes_in_and_out(tmp_path: Path, suffix: str, gray: bool) -> None:
    image = Image.fromarray(colours(40, 32))
    image = image.convert("L") if gray else image
    expected = np.asarray(image.convert("RGB"))
    image.save(tmp_path / f"a.{suffix}", quality=100)
    photograph = read_photograph(tmp_path / f"a.{suffix}")
    write_photograph(tmp_path / f"b.{suffix}", photograph)
    with Image.open(tmp_path / f"b.{suffix}") as result:
        assert result.format == photograph.format
        assert result.mode == ("L" if gray and suffix != "webp" else "RGB") or suffix == "avif"
        rgb = np.asarray(result.convert("RGB")).astype(int)
    assert photograph.pixels.shape == (40, 32, 3)
    assert photograph.pixels.dtype == np.uint8
    assert photograph.alpha is None
    assert np.abs(rgb - expected).mean() <= (0 if suffix in LOSSLESS else 6)


@pytest.mark.parametrize("suffix", ["png", "webp", "tif", "avif"])
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_is_kept(tmp_path: Path, suffix: str, mode: str) -> None:
    image = Image.fromarray(colours(channels=4)).convert(mode)
    image.save(tmp_path / f"a.{suffix}", lossless=True, quality=100)
    photograph = read_photograph(tmp_path / f"a.{suffix}")
    write_photograph(tmp_path / f"b.{suffix}", photograph)
    assert photograph.alpha is not None
    assert photograph.pixels.shape == (8, 12, 3)
    with Image.open(tmp_path / f"b.{suffix}") as result:
        assert result.mode == (mode if suffix in LOSSLESS else "RGBA")
        alpha = np.asarray(result.getchannel("A")).astype(int)
    assert np.abs(alpha - colours(channels=4)[..., 3]).max() <= (0 if suffix != "avif" else 3)


@pytest.mark.parametrize("suffix", ["jpg", "bmp"])
def test_without_alpha_in_the_format_the_paper_is_white(tmp_path: Path, suffix: str) -> None:
    alpha = np.full((8, 12), 255, np.uint8)
    alpha[:, 6:] = 0
    write_photograph(tmp_path / f"a.{suffix}", Photograph(np.full((8, 12, 3), 40, np.uint8), alpha))
    pixels = read_photograph(tmp_path / f"a.{suffix}").pixels
    assert np.abs(pixels[:, :4].astype(int) - 40).max() <= 4
    assert pixels[:, 9:].min() >= 250


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("channels", [3, 4])
def test_sixteen_bits_a_colour_stay(tmp_path: Path, suffix: str, channels: int) -> None:
    deep = colours(channels=channels, dtype=np.uint16)
    deep_file(tmp_path / f"a.{suffix}", deep)
    photograph = read_photograph(tmp_path / f"a.{suffix}")
    assert np.array_equal(photograph.pixels, deep[..., :3])
    assert (photograph.alpha is None) == (channels == 3)
    for target in ("png", "tif"):
        write_photograph(tmp_path / f"b.{target}", photograph._replace(icc_profile=SRGB, exif=exif_of().tobytes()))
        assert np.array_equal(deep_content(tmp_path / f"b.{target}"), deep)
        check_described(tmp_path / f"b.{target}")
        again = read_photograph(tmp_path / f"b.{target}")
        assert np.array_equal(again.pixels, deep[..., :3])
        assert again.icc_profile == SRGB


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_of_gray_stay(tmp_path: Path, suffix: str) -> None:
    deep = colours(dtype=np.uint16)[..., 0]
    Image.fromarray(deep).save(tmp_path / f"a.{suffix}")
    photograph = read_photograph(tmp_path / f"a.{suffix}")
    assert photograph.gray
    assert np.array_equal(photograph.pixels, np.stack([deep] * 3, axis=2))
    write_photograph(tmp_path / f"b.{suffix}", photograph)
    assert np.array_equal(deep_content(tmp_path / f"b.{suffix}"), deep)


def png_of(pixels: NDArray[np.uint16], kind: int, extra: dict[bytes, bytes]) -> bytes:
    """A PNG file of 16 bits, chunk by chunk."""
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    height, width = pixels.shape[:2]
    head = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    chunks = {b"IHDR": head, **extra, b"IDAT": zlib.compress(rows), b"IEND": b""}
    content = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks.items()
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(content)


def test_gray_with_alpha_of_sixteen_bits(tmp_path: Path) -> None:
    deep = colours(channels=2, dtype=np.uint16)
    (tmp_path / "a.png").write_bytes(png_of(deep, 4, {}))
    photograph = read_photograph(tmp_path / "a.png")
    assert photograph.gray
    assert np.array_equal(photograph.pixels[..., 1], deep[..., 0])
    assert np.array_equal(photograph.alpha, deep[..., 1])  # type: ignore[arg-type]  # None would fail, too
    for suffix in ("png", "tif"):
        write_photograph(tmp_path / f"b.{suffix}", photograph)
        assert np.array_equal(deep_content(tmp_path / f"b.{suffix}")[..., 2:], deep)


@pytest.mark.parametrize("colour", [False, True])
def test_one_transparent_value_of_sixteen_bits_becomes_alpha(tmp_path: Path, colour: bool) -> None:
    deep = colours(channels=3 if colour else 1, dtype=np.uint16)
    key = b"".join(struct.pack(">H", value) for value in deep[3, 4])
    (tmp_path / "a.png").write_bytes(png_of(deep, 2 if colour else 0, {b"tRNS": key}))
    photograph = read_photograph(tmp_path / "a.png")
    assert np.array_equal(photograph.pixels, np.broadcast_to(deep, (8, 12, 3)))
    assert photograph.alpha is not None
    assert np.array_equal(photograph.alpha == 0, (deep == deep[3, 4]).all(axis=2))
    assert photograph.alpha.max() == 65535


@pytest.mark.parametrize("suffix", ["jpg", "webp", "bmp", "avif"])
def test_sixteen_bits_become_eight_where_there_are_no_more(tmp_path: Path, suffix: str) -> None:
    write_photograph(tmp_path / f"a.{suffix}", Photograph(colours(dtype=np.uint16)))
    pixels = read_photograph(tmp_path / f"a.{suffix}").pixels
    assert pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - colours()).mean() <= (1 if suffix == "bmp" else 6)


def test_a_gray_photo_comes_out_as_the_luminance_of_its_result(tmp_path: Path) -> None:
    result = np.zeros((2, 3, 3), np.uint8)
    result[..., 1] = 200
    for name in ("a.png", "a.tif"):
        write_photograph(tmp_path / name, Photograph(result, gray=True))
        with Image.open(tmp_path / name) as image:
            assert np.asarray(image).tolist() == [[117] * 3] * 2


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "avif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_once_and_keeps_its_description(tmp_path: Path, suffix: str, orientation: int) -> None:
    path, exif = tmp_path / f"a.{suffix}", exif_of(orientation)
    Image.fromarray(colours(16, 24)).save(path, exif=exif.tobytes(), icc_profile=SRGB, quality=100)
    turned = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}  # orientation: Pillow's transposition, EXIF 2.3 section 4.6.4
    image = Image.fromarray(colours(16, 24))
    if orientation != 1:
        image = image.transpose(Image.Transpose(turned[orientation]))
    photograph = read_photograph(path)
    assert photograph.pixels.shape == np.asarray(image).shape
    assert np.abs(photograph.pixels.astype(int) - np.asarray(image)).max() <= (0 if suffix in LOSSLESS else 10)
    for target in (suffix, "png", "tif", "jpg"):
        write_photograph(tmp_path / f"b.{target}", photograph)
        check_described(tmp_path / f"b.{target}")


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_photos_of_sixteen_bits_are_turned_too(tmp_path: Path, orientation: int) -> None:
    deep = colours(channels=4, dtype=np.uint16)
    turns = {1: 0, 3: 2, 6: -1, 8: 1}
    plain = Photograph(deep[..., :3], deep[..., 3], exif=exif_of().tobytes())
    for suffix in ("png", "tif"):
        path = tmp_path / f"a.{suffix}"
        write_photograph(path, plain)
        tag = (b"\x01\x12\x00\x03\x00\x00\x00\x01\x00", b"\x12\x01\x03\x00\x01\x00\x00\x00")[suffix == "tif"]
        content = bytearray(path.read_bytes())
        content[content.index(tag) + len(tag)] = orientation
        if suffix == "png":  # its parts have sums
            start = content.index(b"eXIf")
            (length,) = struct.unpack(">I", content[start - 4 : start])
            content[start + 4 + length : start + 8 + length] = struct.pack(
                ">I", zlib.crc32(content[start : start + 4 + length])
            )
        path.write_bytes(content)
        photograph = read_photograph(path)
        assert np.array_equal(photograph.pixels, np.rot90(deep, turns[orientation])[..., :3])
        assert np.array_equal(photograph.alpha, np.rot90(deep[..., 3], turns[orientation]))  # type: ignore[arg-type]
        write_photograph(tmp_path / f"b.{suffix}", photograph._replace(icc_profile=SRGB))
        check_described(tmp_path / f"b.{suffix}")


def test_resolution_is_kept(tmp_path: Path) -> None:
    for suffix in ("jpg", "png", "tif", "bmp"):
        Image.fromarray(colours()).save(tmp_path / f"a.{suffix}", dpi=(300, 150))
        write_photograph(tmp_path / f"b.{suffix}", read_photograph(tmp_path / f"a.{suffix}"))
        with Image.open(tmp_path / f"b.{suffix}") as image:
            assert image.info["dpi"] == pytest.approx((300, 150), rel=0.001)


def test_a_palette_with_transparency_becomes_colours_with_alpha(tmp_path: Path) -> None:
    few = Image.fromarray(colours()).quantize(8)
    few.save(tmp_path / "a.png")
    few.save(tmp_path / "b.png", transparency=bytes([0, 128]))
    plain, clear = read_photograph(tmp_path / "a.png"), read_photograph(tmp_path / "b.png")
    assert np.array_equal(plain.pixels, np.asarray(few.convert("RGB")))
    assert plain.alpha is None
    assert np.array_equal(clear.pixels, plain.pixels)
    assert np.array_equal(clear.alpha == 0, np.asarray(few) == 0)
    assert np.array_equal(clear.alpha == 128, np.asarray(few) == 1)


def test_one_transparent_colour_becomes_alpha(tmp_path: Path) -> None:
    pixels = colours()
    Image.fromarray(pixels).save(tmp_path / "a.png", transparency=tuple(int(value) for value in pixels[3, 4]))
    Image.fromarray(pixels[..., 0]).save(tmp_path / "b.png", transparency=int(pixels[0, 0, 0]))
    colour, gray = read_photograph(tmp_path / "a.png"), read_photograph(tmp_path / "b.png")
    assert np.argwhere(colour.alpha == 0).tolist() == [[3, 4]]
    assert gray.gray
    assert np.array_equal(gray.alpha == 0, pixels[..., 0] == pixels[0, 0, 0])


def test_black_and_white_becomes_gray(tmp_path: Path) -> None:
    for suffix in ("png", "tif", "bmp"):
        Image.fromarray(colours()[..., 0] > 100).save(tmp_path / f"a.{suffix}")
        photograph = read_photograph(tmp_path / f"a.{suffix}")
        assert photograph.gray
        assert np.array_equal(photograph.pixels[..., 1] == 255, colours()[..., 0] > 100)


@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_cmyk_becomes_srgb(tmp_path: Path, suffix: str) -> None:
    ink = Image.new("CMYK", (8, 6), (0, 200, 200, 0))
    ink.save(tmp_path / f"a.{suffix}", quality=100)
    photograph = read_photograph(tmp_path / f"a.{suffix}")
    assert np.abs(photograph.pixels.astype(int) - [255, 55, 55]).max() <= 3
    assert photograph.icc_profile is not None
    assert photograph.icc_profile[16:20] == b"RGB "
    write_photograph(tmp_path / f"b.{suffix}", photograph)
    with Image.open(tmp_path / f"b.{suffix}") as image:
        assert image.mode == "RGB"


def test_cmyk_goes_through_its_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # No profile of a press ships with Python: one of RGB stands for it, and what it is used for is watched.
    used = list[str]()

    def convert(image: Image.Image, source: object, target: object, outputMode: str) -> Image.Image:  # noqa: N803
        used.append(f"{image.mode} to {outputMode}")
        assert isinstance(source, ImageCms.ImageCmsProfile)
        assert source.tobytes() == SRGB
        return Image.new(outputMode, image.size, (1, 2, 3))

    Image.new("CMYK", (8, 6), (0, 200, 200, 0)).save(tmp_path / "a.jpg", icc_profile=SRGB)
    plain = read_photograph(tmp_path / "a.jpg").pixels  # the profile does not fit
    assert np.abs(plain.astype(int) - [255, 55, 55]).max() <= 5
    monkeypatch.setattr(ImageCms, "profileToProfile", convert)
    assert read_photograph(tmp_path / "a.jpg").pixels[0, 0].tolist() == [1, 2, 3]
    assert used == ["CMYK to RGB"]


def test_a_profile_of_gray_does_not_go_into_a_file_of_colours(tmp_path: Path) -> None:
    gray = SRGB[:16] + b"GRAY" + SRGB[20:]
    photograph = Photograph(colours(), gray=True, icc_profile=gray)
    for name, kept in {"a.png": gray, "a.webp": None}.items():
        write_photograph(tmp_path / name, photograph)
        with Image.open(tmp_path / name) as image:
            assert image.info.get("icc_profile") == kept


def test_a_phones_file_with_further_images_is_its_main_image(tmp_path: Path) -> None:
    small = Image.new("RGB", (3, 2))
    Image.fromarray(colours()).save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[small])
    with Image.open(tmp_path / "a.jpg") as image:
        assert image.format == "MPO"
    photograph = read_photograph(tmp_path / "a.jpg")
    assert photograph.pixels.shape == (8, 12, 3)
    assert photograph.format == "JPEG"


def test_a_small_image_in_a_tiff_file_does_not_count_as_a_page(tmp_path: Path) -> None:
    preview = Image.new("RGB", (3, 2))
    preview.encoderinfo = {"tiffinfo": {254: 1}}
    Image.fromarray(colours()).save(tmp_path / "a.tif", save_all=True, append_images=[preview])
    assert np.array_equal(read_photograph(tmp_path / "a.tif").pixels, colours())


def test_raw_data_beside_a_preview_are_refused(tmp_path: Path) -> None:
    Image.fromarray(colours()).save(tmp_path / "a.tif", tiffinfo={254: 1})
    Image.fromarray(colours()).save(tmp_path / "b.tif", tiffinfo={50706: b"\1\4\0\0"})
    for name in ("a.tif", "b.tif"):
        with pytest.raises(DRBNError, match=name):
            read_photograph(tmp_path / name)


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "avif", "tif"])
def test_several_images_are_refused(tmp_path: Path, suffix: str) -> None:
    frames = [Image.fromarray(np.full((8, 12, 3), level, np.uint8)) for level in (10, 90, 200)]
    frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:])
    with pytest.raises(DRBNError, match=rf"a\.{suffix} " if suffix == "tif" else rf"a\.{suffix} .*\(3 "):
        read_photograph(tmp_path / f"a.{suffix}")
    frames[0].save(tmp_path / f"b.{suffix}")
    assert read_photograph(tmp_path / f"b.{suffix}").pixels.shape == (8, 12, 3)


def test_a_file_is_read_by_its_content(tmp_path: Path) -> None:
    Image.fromarray(colours()).save(tmp_path / "a.png", format="JPEG", quality=100, subsampling=0)
    photograph = read_photograph(tmp_path / "a.png")
    assert photograph.format == "JPEG"
    write_photograph(tmp_path / "b", photograph)
    with Image.open(tmp_path / "b") as image:
        assert image.format == "JPEG"
    write_photograph(tmp_path / "c", photograph._replace(format="GIF"))
    with Image.open(tmp_path / "c") as image:
        assert image.format == "PNG"


@pytest.mark.parametrize("suffix", EVERY_SUFFIX)
def test_a_truncated_file_is_named(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"cut.{suffix}"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DRBNError, match=rf"cut\.{suffix}"):
        read_photograph(path)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_a_truncated_file_of_sixteen_bits_is_named(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"cut.{suffix}"
    deep_file(path, np.random.default_rng(0).integers(0, 65536, (64, 64, 3), dtype=np.uint16))
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 9 // 10])
    with pytest.raises(DRBNError, match=rf"cut\.{suffix}"):
        read_photograph(path)


def png_of_size(path: Path, width: int, height: int) -> None:
    buffer = io.BytesIO()
    Image.new("L", (1, 1)).save(buffer, "PNG")
    content = bytearray(buffer.getvalue())
    content[16:24] = struct.pack(">II", width, height)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    path.write_bytes(content)


def test_other_bad_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("not an image at all")
    (tmp_path / "text.tif").write_text("II*\0 and nothing more")
    png_of_size(tmp_path / "huge.png", 60000, 60000)
    for name, message in {
        "empty.png": "empty",
        "text.png": "format",
        "gone.png": "opened",
        "text.tif": "corrupt",
        "huge.png": "too many pixels",
    }.items():
        with pytest.raises(DRBNError, match=f"{name} .*{message}"):
            read_photograph(tmp_path / name)
    with pytest.raises(DRBNError, match=str(tmp_path)):
        read_photograph(tmp_path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is forbidden to this user")
def test_a_forbidden_file_is_named(tmp_path: Path) -> None:
    Image.fromarray(colours()).save(tmp_path / "a.png")
    (tmp_path / "a.png").chmod(0)
    with pytest.raises(DRBNError, match=r"a\.png"):
        read_photograph(tmp_path / "a.png")


def test_a_large_photo_is_no_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(colours()).save(tmp_path / "a.png")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 8 * 12 - 1)
        assert read_photograph(tmp_path / "a.png").pixels.shape == (8, 12, 3)
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 8 * 12 // 2 - 1)
        with pytest.raises(DRBNError, match=r"a\.png"):
            read_photograph(tmp_path / "a.png")


def test_what_a_format_cannot_hold_is_said(tmp_path: Path) -> None:
    wide = Photograph(np.zeros((1, 17000, 3), np.uint8))
    with pytest.raises(DRBNError, match=r"a\.webp .*WEBP .*17000 x 1 "):
        write_photograph(tmp_path / "a.webp", wide)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(UnwritableError, match=r"a\.png"):
        write_photograph(tmp_path / "file" / "a.png", wide)


def test_a_comment_does_no_harm(tmp_path: Path) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "night")
    Image.fromarray(colours()).save(tmp_path / "a.png", pnginfo=text)
    assert read_photograph(tmp_path / "a.png").exif is None
