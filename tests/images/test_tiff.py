import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms

from drbn_lightning.errors import DRBNError
from drbn_lightning.images.photo import read_photograph
from drbn_lightning.images.rgb import read_rgb
from drbn_lightning.images.tiff import RawDataError, read_tiff
from drbn_lightning.types import Pixels

TURNS = {2: (0, 1), 3: (2, 0), 4: (2, 1), 5: (1, 1), 6: (-1, 0), 7: (-1, 1), 8: (1, 0)}
"""By orientation: quarter turns to the left, and whether it is mirrored before (EXIF 2.3 section 4.6.4)."""


def deep(channels: int = 3, dtype: str = "uint16") -> NDArray[Any]:
    return np.random.default_rng(channels).integers(0, np.iinfo(dtype).max + 1, (9, 14, channels), dtype=dtype)


def stand(image: Pixels, orientation: int) -> Pixels:
    turn, mirrored = TURNS.get(orientation, (0, 0))
    return np.rot90(image[:, ::-1] if mirrored else image, turn)


def write(path: Path, image: Pixels, photometric: str, orientation: int = 1, **options: Any) -> None:  # noqa: ANN401
    extra = [(274, "H", 1, orientation, True), *options.pop("extratags", [])]
    stored = image[..., 0] if image.shape[2] == 1 else image
    if options.get("planarconfig") == "separate":
        stored = np.moveaxis(image, 2, 0)
    tifffile.imwrite(path, stored, photometric=photometric, extratags=extra, metadata=None, **options)


@pytest.mark.parametrize("compression", [None, "zlib", "lzw", "packbits", "zstd"])
@pytest.mark.parametrize("kind", ["rgb", "rgba", "gray", "white is zero"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_every_layout_is_read(tmp_path: Path, dtype: str, kind: str, compression: str | None) -> None:
    image = deep({"rgb": 3, "rgba": 4}.get(kind, 1), dtype)
    photometric = {"rgb": "rgb", "rgba": "rgb", "gray": "minisblack"}.get(kind, "miniswhite")
    stored = np.iinfo(dtype).max - image if kind == "white is zero" else image
    choices = itertools.product(("contig", "separate"), (False, True), "<>", (1, 3, 6), (False, True), (None, (16, 16)))
    for number, (planes, big, order, orientation, predictor, tile) in enumerate(choices):
        if (planes == "separate" and image.shape[2] == 1) or (predictor and compression in (None, "packbits")):
            continue
        options: dict[str, Any] = {"bigtiff": big, "byteorder": order, "tile": tile}
        options |= {"planarconfig": planes} if image.shape[2] > 1 else {}
        options |= {"extrasamples": ["unassalpha"]} if kind == "rgba" else {}
        options |= {"compression": compression, "predictor": predictor or None} if compression else {}
        path = tmp_path / f"{number}.tif"
        write(path, stored, photometric, orientation, **options)
        photograph, expected = read_photograph(path), stand(image, orientation)
        colours = np.broadcast_to(expected[..., : min(3, image.shape[2])], (*expected.shape[:2], 3))
        np.testing.assert_array_equal(photograph.pixels, colours, err_msg=str(options))
        assert photograph.gray == (image.shape[2] == 1)
        assert (photograph.alpha is None) == (kind != "rgba")
        if photograph.alpha is not None:
            np.testing.assert_array_equal(photograph.alpha, expected[..., 3])
        narrow = colours if dtype == "uint8" else (colours / 257).round()
        np.testing.assert_array_equal(read_rgb(path), narrow)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1", "CMYK", "deep"])
def test_every_orientation(tmp_path: Path, orientation: int, mode: str) -> None:
    for big, compression in itertools.product((False, True), (None, "tiff_lzw")):
        if mode == "deep":
            write(tmp_path / "a.tif", deep(), "rgb", orientation, bigtiff=big)
            plain: Pixels = (deep() / 257).round()
        else:
            image = Image.fromarray(deep(dtype="uint8")).convert(mode)
            image.save(tmp_path / "a.tif", tiffinfo={274: orientation}, big_tiff=big, compression=compression)
            image.save(tmp_path / "b.tif")
            plain = read_rgb(tmp_path / "b.tif")
            assert np.abs(plain.astype(int) - np.asarray(image.convert("RGB"))).max() <= (60 if mode == "CMYK" else 0)
        np.testing.assert_array_equal(read_rgb(tmp_path / "a.tif"), stand(plain, orientation))
        pixels = read_photograph(tmp_path / "a.tif").pixels
        np.testing.assert_array_equal((pixels / 257).round() if mode == "deep" else pixels, stand(plain, orientation))


def test_orientation_in_xmp_alone_does_not_count(tmp_path: Path) -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    for image in (Image.fromarray(deep(dtype="uint8")), Image.fromarray(deep(dtype="uint8")).convert("P")):
        image.save(tmp_path / "a.tif", tiffinfo={700: xmp})
        assert read_photograph(tmp_path / "a.tif").pixels.shape == (9, 14, 3)
        assert read_rgb(tmp_path / "a.tif").shape == (9, 14, 3)


@pytest.mark.parametrize(("dtype", "factor"), [("uint32", 65537), ("uint64", 281479271743489)])
def test_wide_whole_numbers_become_sixteen_bits(tmp_path: Path, dtype: str, factor: int) -> None:
    image = deep()
    write(tmp_path / "a.tif", image.astype(dtype) * np.array(factor, dtype), "rgb")
    np.testing.assert_array_equal(read_photograph(tmp_path / "a.tif").pixels, image)
    write(tmp_path / "b.tif", image.astype(dtype), "rgb")  # 32 or 64 bits that hold 16
    np.testing.assert_array_equal(read_photograph(tmp_path / "b.tif").pixels, image)


def test_twelve_bits_become_sixteen(tmp_path: Path) -> None:
    values = np.array([[0, 1, 2048, 4095]], np.uint16)
    packed = np.array([0x00, 0x00, 0x01, 0x80, 0x0F, 0xFF], np.uint8).tobytes()
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((1, 4), np.uint8), metadata=None)
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+") as file:
        tags = file.pages[0].tags  # type: ignore[union-attr]  # it is a page, not a frame
        tags[258].overwrite(12)
        tags[279].overwrite(len(packed))
        place = tags[273].value[0]
    content = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(content[:place] + packed)
    np.testing.assert_array_equal(read_photograph(tmp_path / "a.tif").pixels[..., 0], (values * (65535 / 4095)).round())


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_real_numbers_are_display_values(tmp_path: Path, dtype: str) -> None:
    values = np.linspace(0, 1, 3 * 40).reshape(8, 5, 3).astype(dtype)
    write(tmp_path / "a.tif", values, "rgb", 6, compression="zlib", predictor=True)
    expected = (np.rot90(values, -1).astype(float) * 65535).round()
    np.testing.assert_array_equal(read_photograph(tmp_path / "a.tif").pixels, expected)
    np.testing.assert_array_equal(read_rgb(tmp_path / "a.tif"), ((expected + 128) // 257))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([[-0.5, 0.5]], np.float32), r"float32 numbers from -0\.5 to 0\.5"),
        (np.array([[0, 255]], np.float32), r"float32 numbers from 0 to 255"),
        (np.array([[0, np.nan]], np.float32), r"float32 numbers from nan to nan"),
        (np.array([[3, 300]], np.int16), r"int16 numbers from 3 to 300"),
        (np.array([[0, 70000]], np.int32), r"int32 numbers from 0 to 70000"),
        (np.array([[0, 1j]], np.complex64), "complex64 numbers"),
    ],
)
def test_numbers_without_a_known_range_are_refused_with_it(tmp_path: Path, values: Pixels, message: str) -> None:
    write(tmp_path / "a.tif", values[..., None], "minisblack")
    for read in (read_photograph, read_rgb):
        with pytest.raises(DRBNError, match=rf"a\.tif holds {message}.*; save it") as raised:
            read(tmp_path / "a.tif")
        assert "remove" not in str(raised.value)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_colours_multiplied_with_alpha_are_divided(tmp_path: Path, dtype: str) -> None:
    white = np.iinfo(dtype).max
    image = np.full((2, 3, 4), white // 5, dtype)
    image[0, :, 3], image[1, 0, 3], image[1, 1:, 3] = white, white // 5 * 2, 0
    write(tmp_path / "a.tif", image, "rgb", extrasamples=["assocalpha"])
    photograph = read_photograph(tmp_path / "a.tif")
    assert photograph.alpha is not None
    np.testing.assert_array_equal(photograph.alpha, image[..., 3])
    np.testing.assert_array_equal(photograph.pixels[0], np.full((3, 3), white // 5))
    assert abs(int(photograph.pixels[1, 0, 0]) - white // 2) <= 1


def test_further_channels_are_told_from_alpha(tmp_path: Path) -> None:
    image = deep(6)
    write(tmp_path / "a.tif", image, "rgb", extrasamples=["unspecified", "unassalpha", "unspecified"])
    photograph = read_photograph(tmp_path / "a.tif")
    np.testing.assert_array_equal(photograph.pixels, image[..., :3])
    assert photograph.alpha is not None
    np.testing.assert_array_equal(photograph.alpha, image[..., 4])
    write(tmp_path / "b.tif", image[..., :4], "rgb", extrasamples=["unspecified"])
    assert read_photograph(tmp_path / "b.tif").alpha is None


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("planes", ["contig", "separate"])
def test_inks_become_srgb(tmp_path: Path, dtype: str, planes: str) -> None:
    ink = np.broadcast_to(np.array([0, 200, 200, 0]), (4, 5, 4))
    write(tmp_path / "a.tif", (ink * (257 if dtype == "uint16" else 1)).astype(dtype), "separated", planarconfig=planes)
    photograph = read_photograph(tmp_path / "a.tif")
    assert photograph.pixels.dtype == dtype
    assert np.abs(read_rgb(tmp_path / "a.tif").astype(int) - [255, 55, 55]).max() <= 3
    assert photograph.icc_profile is not None
    assert photograph.icc_profile[16:20] == b"RGB "


def test_what_is_not_supported_is_refused_by_name(tmp_path: Path) -> None:
    write(tmp_path / "lab.tif", deep(), "cielab")
    write(tmp_path / "many.tif", deep(3), "minisblack", planarconfig="contig")
    tifffile.imwrite(tmp_path / "volume.tif", deep(3), photometric="minisblack", volumetric=True, metadata=None)
    for name, message in {"lab": "CIELab colours of 16 bits", "many": "3 channels", "volume": "16 bits in ZYX"}.items():
        for read in (read_photograph, read_rgb):
            with pytest.raises(DRBNError, match=rf"{name}\.tif holds {message}.*not supported; save it as RGB"):
                read(tmp_path / f"{name}.tif")


def test_raw_data_are_told(tmp_path: Path) -> None:
    write(tmp_path / "sensor.tif", deep(1), "cfa", extratags=[(33421, "H", 2, (2, 2), True)])
    write(tmp_path / "dng.tif", deep(1), "minisblack", extratags=[(50706, "B", 4, (1, 4, 0, 0), True)])
    write(tmp_path / "preview.tif", deep(), "rgb", subfiletype=1)
    for name in ("sensor", "dng", "preview"):
        with pytest.raises(RawDataError, match=rf"{name}\.tif holds a camera's raw data"):
            read_tiff(tmp_path / f"{name}.tif", single=False)


@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
def test_missing_pixels_are_never_zeros(tmp_path: Path, compression: str | None) -> None:
    write(tmp_path / "a.tif", deep(), "rgb", compression=compression, rowsperstrip=3)
    content = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "b.tif").write_bytes(content[:-10])
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+") as file:
        counts = file.pages[0].tags[279]  # type: ignore[union-attr]  # it is a page, not a frame
        counts.overwrite((*counts.value[:-1], counts.value[-1] - 10))
    for name in ("a", "b"):
        with pytest.raises(DRBNError, match=rf"{name}\.tif is truncated or corrupt"):
            read_rgb(tmp_path / f"{name}.tif")


def test_what_is_told_of_the_photo_is_kept(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for big in (False, True):
        write(
            tmp_path / "a.tif", deep(), "rgb", 6, bigtiff=big, resolution=(118.11, 59.055), resolutionunit=3,
            iccprofile=profile, extratags=[(271, "s", 0, "Maker", True), (33432, "s", 0, "Somebody", True)],
        )  # fmt: skip
        photograph = read_photograph(tmp_path / "a.tif")
        assert photograph.icc_profile == profile
        assert photograph.dpi == pytest.approx((300, 150), rel=0.001)
        exif = Image.Exif()
        exif.load(photograph.exif or b"")
        assert (exif[271], exif[33432], exif.get(274, 1)) == ("Maker", "Somebody", 1)


def test_pillow_reads_the_rest(tmp_path: Path) -> None:
    Image.fromarray(deep(dtype="uint8")).convert("LAB").save(tmp_path / "a.tif")
    assert read_tiff(tmp_path / "a.tif", single=True) is None


def test_too_many_pixels_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 9 * 14 // 2 - 1)
    write(tmp_path / "b.tif", deep(), "rgb")
    with pytest.raises(Image.DecompressionBombError, match="126 pixels"):
        read_tiff(tmp_path / "b.tif", single=True)
