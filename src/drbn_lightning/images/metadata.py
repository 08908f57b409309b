"""What a file tells of its photo beside EXIF data: XMP, IPTC, a comment, texts, colour space, as far as it holds."""

import re
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from drbn_lightning.images import png_chunks, tiff
from drbn_lightning.images.png_chunks import Chunk

IPTC = 0x0404
"""The number of IPTC data among Photoshop's resources."""

LONGEST_SEGMENT = 65000
"""Bytes of XMP or IPTC that fit into one segment of a JPEG file, with what stands before them."""

_SIZES = ((rb"tiff:ImageWidth|exif:PixelXDimension", 0), (rb"tiff:ImageLength|exif:PixelYDimension", 1))
_GONE = rb"(?:GCamera:(?:MotionPhoto|MicroVideo)\w*|hdrgm:\w+|GDepth:\w+|GImage:\w+|xmpNote:HasExtendedXMP)"
_GONE_ELEMENTS = rb"(?:Container:Directory|xmp:Thumbnails|" + _GONE[3:]
"""What tells of further images or videos in the file, or holds the old image in small: none of them is written."""


class Metadata(NamedTuple):
    """What is kept beside EXIF data and the colour profile.

    Attributes:
        xmp: the XMP packet.
        iptc: IPTC records, as in Photoshop's resource 0x0404.
        comment: that of a JPEG or GIF file, or the text `Comment` of a PNG file.
        chunks: of a PNG file: texts and colour space.
    """

    xmp: bytes | None = None
    iptc: bytes | None = None
    comment: bytes | None = None
    chunks: tuple[Chunk, ...] = ()

    def of_colours(self) -> "Metadata":
        """Only what says how numbers become colours."""
        return Metadata(chunks=tuple(chunk for chunk in self.chunks if chunk.name in png_chunks.COLOURS))

    def upright(self, width: int, height: int) -> "Metadata":
        """The same of the upright image of this size."""
        return self._replace(xmp=self.xmp and corrected(self.xmp, width, height))


def metadata_of(image: Image.Image, path: Path) -> Metadata:
    """Of an image that Pillow has opened and loaded."""
    if image.format == "TIFF":
        return Metadata(*tiff.told(path))
    xmp, comment = image.info.get("xmp"), image.info.get("comment")
    iptc = image.info.get("photoshop", {}).get(IPTC) if image.format in ("JPEG", "MPO") else None
    chunks = png_chunks.lasting_chunks(path) if image.format == "PNG" else ()
    if image.format == "PNG":
        comment = str(image.info.get("Comment", "")).encode()
        iptc = png_chunks.iptc_of(image.info)
        xmp = xmp or png_chunks.raw_profile(image.info, "xmp")
    xmp, iptc, comment = (value if isinstance(value, bytes) and value else None for value in (xmp, iptc, comment))
    return Metadata(xmp, iptc, comment, chunks)


def corrected(xmp: bytes, width: int, height: int) -> bytes | None:
    """An XMP packet whose orientation and sizes are those of an upright image.

    Returns:
        The packet without what tells of further images in the file; None where it is not in UTF-8.
    """
    if b"\0" in xmp.rstrip(b"\0"):
        return None
    xmp = _set(xmp, rb"tiff:Orientation", 1)
    for names, place in _SIZES:
        xmp = _set(xmp, names, (width, height)[place])
    xmp = re.sub(rb"\s" + _GONE + rb"\s*=\s*(?:\"[^\"]*\"|'[^']*')", b"", xmp)
    return re.sub(rb"<(" + _GONE_ELEMENTS + rb")\b[^>]*>.*?</\1>", b"", xmp, flags=re.DOTALL)


def photoshop_resource(iptc: bytes) -> bytes:
    """IPTC data as a block of Photoshop's resources."""
    padded = iptc + bytes(len(iptc) % 2)
    return b"8BIM" + IPTC.to_bytes(2, "big") + b"\0\0" + len(iptc).to_bytes(4, "big") + padded


def jpeg_segment(iptc: bytes) -> bytes:
    """IPTC data as the segment APP13 of a JPEG file."""
    content = b"Photoshop 3.0\0" + photoshop_resource(iptc)
    return b"\xff\xed" + (len(content) + 2).to_bytes(2, "big") + content


def _set(xmp: bytes, names: bytes, value: int) -> bytes:
    """Change numbers that stand as attributes or as elements."""
    number = str(value).encode()
    xmp = re.sub(rb"\b(" + names + rb")(\s*=\s*)([\"'])[^\"']*\3", rb"\g<1>\g<2>\g<3>" + number + rb"\g<3>", xmp)
    return re.sub(rb"(<(" + names + rb")\b[^>]*>)[^<]*(</\2>)", rb"\g<1>" + number + rb"\g<3>", xmp)
