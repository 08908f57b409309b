import pytest
from PIL import features

from drbn_lightning.images.formats import (
    FORMATS,
    HEIF,
    IMAGE_SUFFIXES,
    LISTED,
    RAW,
    READ_FORMATS,
    WRITTEN,
    kind_of,
    kind_of_name,
)


def test_every_suffix_has_one_format_and_is_looked_for() -> None:
    suffixes = [suffix for group in FORMATS.values() for suffix in group]
    assert len(suffixes) == len(set(suffixes)) == len(WRITTEN)
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in LISTED)
    assert set(IMAGE_SUFFIXES) == set(WRITTEN) < LISTED


def test_what_is_written_can_be_read() -> None:
    assert set(WRITTEN.values()) == set(FORMATS) < set(READ_FORMATS)
    assert features.check("webp")
    assert features.check("avif")


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\xff\x0a", "JPEG XL"), (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"), (b"\xff\x4f\xff\x51", "JPEG 2000"),
        (b"\0\0\0\x18ftypheic", "HEIC"), (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypcrx ", "raw"), (b"FUJIFILMCCD-RAW ", "raw"), (b"IIRO\x08\0\0\0", "raw"),
        (b"IIU\0\x18", "raw"), (b"II*\0\x10\0\0\0CR\2\0", "raw"), (b"FOVb", "raw"), (b"\0\0\0\x20ftypisom", "video"),
        (b"\0\0\0\x14ftypqt  ", "video"), (b"RIFF\0\0\0\0AVI LIST", "video"), (b"\x1aE\xdf\xa3", "video"),
        (b"8BPS", "Photoshop"), (b"\x76\x2f\x31\x01", "OpenEXR"), (b"#?RADIANCE", "Radiance"), (b"P6\n", "PNM"),
        (b"%PDF-1.7", "PDF"), (b"<svg xmlns", "SVG"), (b"<!DOCTYPE html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS"), (b"PK\3\4", "archive"),
    ],
)  # fmt: skip
def test_what_is_not_read_is_known_by_its_first_bytes(head: bytes, name: str) -> None:
    kind = kind_of(head.ljust(64, b"\0"))
    assert kind is not None
    assert name in kind.name
    assert kind.remedy


def test_what_is_read_is_none_of_these() -> None:
    avif = b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf"
    for head in (
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe0",
        b"RIFF\0\0\0\0WEBP",
        b"GIF89a",
        b"BM",
        b"II*\0",
        b"\0\0\0\x1cftypavif",
        avif,
    ):
        assert kind_of(head) is None
    assert kind_of(b"\xff\xd8\xff\xe0", ".NEF") is None
    assert kind_of(b"II*\0", ".NEF") is RAW


def test_names_that_look_like_photos() -> None:
    assert kind_of_name("DSC_1.NEF") is RAW
    assert kind_of_name("a.heic") is HEIF
    for name in ("a.jxl", "a.jp2", "a.psd", "a.exr"):
        assert kind_of_name(name) is not None
    for name in ("a.txt", "a.jpg", "a.mov", "a", ".db"):
        assert kind_of_name(name) is None
