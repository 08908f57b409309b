"""Formats of image files: the one table of what is read, written, looked for, and known by name."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

FORMATS = {
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "WEBP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "BMP": (".bmp",),
    "AVIF": (".avif",),
}
"""Formats that are read and written, by Pillow's names, with the suffixes of their files in lower case."""

WRITTEN = {suffix: name for name, suffixes in FORMATS.items() for suffix in suffixes}
"""The format that a file's suffix asks for."""

IMAGE_SUFFIXES = tuple(WRITTEN)
"""Suffixes of the files that count as images of a data set; files may spell them in any case."""

READ_FORMATS = (*FORMATS, "GIF")
"""What Pillow decodes, whatever the file is called. Of GIF only what is no animation."""

HEIF_SUFFIXES = (".heic", ".heif", ".hif")
"""Photos that the extra `heif` reads."""

LISTED = frozenset({*WRITTEN, ".apng", ".gif", *HEIF_SUFFIXES})
"""Suffixes of what is taken out of folders of photos: not all of it can be read, but none is passed over in silence."""

RAW_SUFFIXES = (
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".gpr", ".iiq", ".k25", ".kdc", ".mef",
    ".mos", ".mrw", ".nef", ".nrw", ".orf", ".ori", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw",
    ".x3f",
)  # fmt: skip
"""Cameras' raw files, which the extra `raw` reads."""

CONVERT = "save it as JPEG, PNG or TIFF first"


class Kind(NamedTuple):
    """A kind of file that is known, but not to Pillow as we use it.

    Attributes:
        name: what it is called.
        remedy: what to do with it.
        suffixes: of its files, where they look like photos.
        heads: how such files begin: where, and with what.
    """

    name: str
    remedy: str
    suffixes: tuple[str, ...]
    heads: tuple[tuple[int, bytes], ...]


RAW = Kind(
    "a camera's raw file", "develop it to a JPEG, PNG or TIFF file first", RAW_SUFFIXES,
    ((0, b"FUJIFILMCCD-RAW"), (0, b"IIRO"), (0, b"IIRS"), (0, b"MMOR"), (0, b"IIU\0"), (0, b"FOVb"), (0, b"\0MRM"),
     (6, b"HEAPCCDR"), (4, b"ftypcrx "), (8, b"CR\2\0")),
)  # fmt: skip
HEIF = Kind(
    "a HEIC or HEIF photo", "save it as JPEG first", HEIF_SUFFIXES,
    tuple((4, b"ftyp" + brand) for brand in (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs")),
)  # fmt: skip
OTHERS = (
    Kind("a JPEG XL image", CONVERT, (".jxl",), ((0, b"\xff\x0a"), (4, b"JXL \r\n\x87\n"))),
    Kind("a JPEG 2000 image", CONVERT, (".jp2", ".j2k", ".j2c", ".jpf", ".jpx"), (
        (4, b"jP  \r\n\x87\n"), (0, b"\xff\x4f\xff\x51"))),
    Kind("a JPEG XR image", CONVERT, (".jxr", ".wdp"), ((0, b"II\xbc"),)),
    Kind("a Photoshop file", CONVERT, (".psd", ".psb"), ((0, b"8BPS"),)),
    Kind("an OpenEXR image", CONVERT, (".exr",), ((0, b"\x76\x2f\x31\x01"),)),
    Kind("a Radiance HDR image", CONVERT, (".hdr",), ((0, b"#?RADIANCE"), (0, b"#?RGBE"))),
    Kind("a PNM image", CONVERT, (".ppm", ".pgm", ".pbm", ".pnm", ".pfm"), tuple(
        (0, f"P{kind}{blank}".encode()) for kind in "1234567Ff" for blank in "\n ")),
    Kind("a GIMP image", CONVERT, (".xcf",), ((0, b"gimp xcf"),)),
    Kind("a TGA image", CONVERT, (".tga",), ()),
    Kind("an ICNS or ICO icon", CONVERT, (), ((0, b"icns"), (0, b"\0\0\1\0"))),
    Kind("a DDS image", CONVERT, (".dds",), ((0, b"DDS "),)),
    Kind("a FITS image", CONVERT, (".fits",), ((0, b"SIMPLE  ="),)),
    Kind("an SVG drawing", "export it as PNG first", (), ((0, b"<svg"), (0, b"<?xml"))),
    Kind("a PDF document", "export its pages as PNG first", (), ((0, b"%PDF"),)),
    Kind("a video", "save one of its frames as PNG first", (), (
        (4, b"ftyp"), (4, b"moov"), (4, b"mdat"), (4, b"wide"), (0, b"\x1aE\xdf\xa3"), (8, b"AVI LIST"),
        (0, b"\0\0\1\xba"), (0, b"\0\0\1\xb3"), (0, b"FLV\1"), (0, b"OggS"))),
    Kind("a web page, not an image", "download the image itself", (), (
        (0, b"<!DOCTYPE"), (0, b"<!doctype"), (0, b"<html"))),
    Kind("a pointer of Git LFS, not the image", "fetch it: git lfs pull", (), ((0, b"version https://git-lfs"),)),
    Kind("an archive", "unpack it first", (), ((0, b"PK\3\4"), (0, b"\x1f\x8b\x08"), (0, b"Rar!"), (0, b"7z\xbc\xaf"))),
)  # fmt: skip
"""Known by their first bytes. The order counts: what begins as a video may be something that stands above it."""

NAMELESS = Kind("an image without a suffix in its name", "name the file itself", (), ())
"""What can be read, but is not looked for in folders."""

KINDS = (HEIF, RAW, *OTHERS)
HEAD_LENGTH = 64
_NATIVE = (
    (0, b"\x89PNG", ".png"), (0, b"\xff\xd8\xff", ".jpg"), (8, b"WEBP", ".webp"), (0, b"GIF8", ".gif"),
    (0, b"BM", ".bmp"), (4, b"ftypavi", ".avif"), (0, b"II*\0", ".tif"), (0, b"MM\0*", ".tif"), (0, b"II+\0", ".tif"),
    (0, b"MM\0+", ".tif"),
)  # fmt: skip
_EITHER = (b"ftypmif1", b"ftypmsf1")
"""A box file of images whose further brands say of which: HEIF or AVIF."""


def kind_of(head: bytes, suffix: str = "") -> Kind | None:
    """What a file is, by its first `HEAD_LENGTH` bytes; None of what Pillow or tifffile read, or nobody knows.

    Args:
        head: its first bytes.
        suffix: that of its name, which tells raw files that are built as TIFF files are.

    Example:
        >>> kind_of(b"8BPS").name
        'a Photoshop file'
        >>> kind_of(b"GIF89a")
    """
    if format_of(head) not in (None, ".tif"):
        return None
    if head[4:12] in _EITHER:
        return HEIF
    if suffix.lower() in RAW_SUFFIXES:
        return RAW
    return next((kind for kind in KINDS if _begins(head, kind.heads)), None)


def format_of(head: bytes) -> str | None:
    """The suffix of what Pillow or tifffile read, by its first bytes; None of everything else.

    Example:
        >>> format_of(b"BM....")
        '.bmp'
    """
    if head[4:12] in _EITHER:
        return ".avif" if b"avif" in head[8:] or b"avis" in head[8:] else None
    return next((suffix for place, part, suffix in _NATIVE if head[place : place + len(part)] == part), None)


def kind_of_name(name: str) -> Kind | None:
    """What a file looks like that is not among `LISTED`, by its suffix."""
    suffix = Path(name).suffix.lower()
    return next((kind for kind in KINDS if suffix in kind.suffixes), None)


def _begins(head: bytes, heads: Iterable[tuple[int, bytes]]) -> bool:
    return any(head[place : place + len(part)] == part for place, part in heads)
