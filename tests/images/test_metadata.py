import io
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import tifffile
from PIL import Image, IptcImagePlugin, PngImagePlugin

from drbn_lightning.images.metadata import Metadata, corrected
from drbn_lightning.images.photo import Photograph, read_photograph, write_photograph
from drbn_lightning.images.png_chunks import Chunk, inserted

XMP = b"""<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF>
<rdf:Description xmp:Rating="4" tiff:Orientation="6" tiff:ImageWidth='12' exif:PixelYDimension="8"
 GCamera:MotionPhoto="1" hdrgm:Version="1.0"><tiff:ImageLength>8</tiff:ImageLength><dc:title>Night</dc:title>
<Container:Directory><rdf:Seq>of a video</rdf:Seq></Container:Directory></rdf:Description></rdf:RDF></x:xmpmeta>"""
IPTC = b"\x1c\x02\x78\x00\x05Night\x1c\x02\x50\x00\x08Somebody"
PICTURE = np.full((8, 12, 3), 90, np.uint8)
DEEP = np.full((8, 12, 3), 9000, np.uint16)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "avif"])
@pytest.mark.parametrize("target", ["jpg", "png", "webp", "tif", "avif"])
def test_xmp_is_kept_and_corrected(tmp_path: Path, suffix: str, target: str) -> None:
    photograph = Photograph(PICTURE, metadata=Metadata(xmp=XMP))
    write_photograph(tmp_path / f"a.{suffix}", photograph)
    read = read_photograph(tmp_path / f"a.{suffix}")
    assert read.pixels.shape == PICTURE.shape  # orientation in XMP alone does not count, as in browsers
    write_photograph(tmp_path / f"b.{target}", read)
    xmp = read_photograph(tmp_path / f"b.{target}").metadata.xmp
    assert xmp == corrected(XMP, 12, 8)


def test_xmp_tells_of_the_upright_image_only() -> None:
    xmp = corrected(XMP, 8, 12)
    assert xmp is not None
    for kept in (b'xmp:Rating="4"', b'tiff:Orientation="1"', b"tiff:ImageWidth='8'", b'exif:PixelYDimension="12"'):
        assert kept in xmp
    assert b"<tiff:ImageLength>12</tiff:ImageLength><dc:title>Night</dc:title>" in xmp
    for gone in (b"MotionPhoto", b"hdrgm:Version", b"of a video"):
        assert gone not in xmp
    assert corrected("night".encode("utf-16"), 8, 12) is None


@pytest.mark.parametrize("deep", [False, True])
def test_iptc_goes_where_it_can(tmp_path: Path, deep: bool) -> None:
    photograph = Photograph(DEEP if deep else PICTURE, metadata=Metadata(iptc=IPTC))
    for suffix in ("jpg", "png", "tif"):
        write_photograph(tmp_path / f"a.{suffix}", photograph)
        read = read_photograph(tmp_path / f"a.{suffix}")
        assert read.metadata.iptc == IPTC
        for target in ("jpg", "png", "tif"):
            write_photograph(tmp_path / f"b.{target}", read)
            assert read_photograph(tmp_path / f"b.{target}").metadata.iptc == IPTC
    with Image.open(tmp_path / "b.jpg") as image:
        told = IptcImagePlugin.getiptcinfo(image)
    assert told is not None
    assert (told[2, 120], told[2, 80]) == (b"Night", b"Somebody")


def test_iptc_of_tiff_files_may_be_wide_numbers(tmp_path: Path) -> None:
    data = IPTC + bytes(-len(IPTC) % 4)
    orders: tuple[Literal["<"], Literal[">"]] = ("<", ">")
    for order in orders:
        numbers = tuple(int(number) for number in np.frombuffer(data, f"{order}u4"))
        extra = [(33723, "I", len(numbers), numbers, True)]
        tifffile.imwrite(tmp_path / "a.tif", PICTURE, photometric="rgb", byteorder=order, extratags=extra)
        assert read_photograph(tmp_path / "a.tif").metadata.iptc == data


def test_comments_are_kept(tmp_path: Path) -> None:
    Image.fromarray(PICTURE).save(tmp_path / "a.jpg", comment="night, café".encode())
    write_photograph(tmp_path / "b.png", read_photograph(tmp_path / "a.jpg"))
    with Image.open(tmp_path / "b.png") as image:
        assert image.info["Comment"] == "night, café"
    for name in ("a.jpg", "b.png"):
        write_photograph(tmp_path / "c.jpg", read_photograph(tmp_path / name))
        with Image.open(tmp_path / "c.jpg") as image:
            assert image.info["comment"] == "night, café".encode()


@pytest.mark.parametrize("deep", [False, True])
def test_texts_and_the_colour_space_of_png_files_are_kept(tmp_path: Path, deep: bool) -> None:
    write_photograph(tmp_path / "a.png", Photograph(DEEP if deep else PICTURE, dpi=(300, 150)))
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Title", "Night", zip=True)
    texts.add_itxt("Author", "Jemand", "de")
    buffer = io.BytesIO()
    Image.new("L", (1, 1)).save(buffer, "PNG", pnginfo=texts)
    chunks = [(b"cICP", bytes([12, 16, 0, 1])), (b"gAMA", (45455).to_bytes(4, "big")), (b"tEXt", b"Comment\0night")]
    content = inserted((tmp_path / "a.png").read_bytes(), [Chunk(*chunk) for chunk in chunks])
    made = buffer.getvalue()
    (tmp_path / "a.png").write_bytes(content[:33] + made[33 : made.index(b"IDAT") - 4] + content[33:])
    photograph = read_photograph(tmp_path / "a.png")
    write_photograph(tmp_path / "b.png", photograph)
    result = (tmp_path / "b.png").read_bytes()
    assert result.index(bytes([12, 16, 0, 1])) < result.index(b"IDAT")
    for name in (b"cICP", b"gAMA", b"Comment"):
        assert result.count(name) == 1
    with Image.open(tmp_path / "b.png") as image:
        assert isinstance(image, PngImagePlugin.PngImageFile)
        assert image.text == {"Title": "Night", "Author": "Jemand", "Comment": "night"}
        assert image.info["dpi"] == pytest.approx((300, 150), rel=0.001)
    assert read_photograph(tmp_path / "b.png").metadata == photograph.metadata
    assert [chunk.name for chunk in photograph.metadata.of_colours().chunks] == [b"cICP", b"gAMA"]


def test_what_does_not_fit_into_a_jpeg_file_is_left_out(tmp_path: Path) -> None:
    long = Metadata(xmp=b"<x>" + b" " * 70000, comment=b"short", iptc=b"\x1c" * 70000)
    write_photograph(tmp_path / "a.jpg", Photograph(PICTURE, metadata=long))
    assert read_photograph(tmp_path / "a.jpg").metadata == Metadata(comment=b"short")
