"""The chunks of PNG files that Pillow and OpenCV do not keep: texts and colour spaces (PNG, third edition)."""

import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

SIGNATURE = b"\x89PNG\r\n\x1a\n"
TEXTS = (b"tEXt", b"zTXt", b"iTXt")
COLOURS = (b"cICP", b"cHRM", b"gAMA", b"sRGB")
"""How numbers become colours. mDCV and cLLI tell how bright the image is, which changes."""

LONGEST = 1 << 22
XMP = b"XML:com.adobe.xmp"
ELSEWHERE = re.compile(rb"XML:com\.adobe\.xmp|Raw profile type (?:exif|APP1|xmp|icc|icm|iptc|8bim)\Z", re.IGNORECASE)
"""Keywords of texts that hold what is kept in another way."""


class Chunk(NamedTuple):
    """A part of a PNG file: its name and its content."""

    name: bytes
    data: bytes


def lasting_chunks(path: Path) -> tuple[Chunk, ...]:
    """The texts of a PNG file and its colour space, but for texts that hold XMP, EXIF or IPTC data."""
    with path.open("rb") as file:
        chunks = [chunk for chunk in _chunks(file) if chunk.name in (*TEXTS, *COLOURS)]
    return tuple(chunk for chunk in chunks if chunk.name in COLOURS or not ELSEWHERE.match(keyword_of(chunk)))


def keyword_of(chunk: Chunk) -> bytes:
    """What a text is about; empty of other chunks."""
    return chunk.data.partition(b"\0")[0] if chunk.name in TEXTS else b""


def inserted(content: bytes, chunks: Iterable[Chunk]) -> bytes:
    """The content of a PNG file with further chunks, after its head."""
    more = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    head = len(SIGNATURE) + 25
    return content[:head] + more + content[head:]


def xmp_chunk(xmp: bytes) -> Chunk:
    """XMP as every reader expects it: not compressed, without a language."""
    return Chunk(b"iTXt", XMP + bytes(5) + xmp)


def comment_chunk(comment: bytes) -> Chunk:
    """A comment, which is UTF-8 or else Latin-1."""
    try:
        return Chunk(b"iTXt", b"Comment" + bytes(5) + comment.decode().replace("\0", "").encode())
    except UnicodeDecodeError:
        return Chunk(b"tEXt", b"Comment\0" + comment.replace(b"\0", b""))


def resolution_chunk(dpi: tuple[float, float]) -> Chunk:
    """Pixels in an inch, as pixels in a metre."""
    across, down = (round(value / 0.0254) for value in dpi)
    return Chunk(b"pHYs", struct.pack(">IIB", across, down, 1))


def iptc_chunk(resource: bytes) -> Chunk:
    """IPTC data, as a block of Photoshop's resources, in the form that ImageMagick and ExifTool read."""
    lines = re.findall(".{1,72}", resource.hex())
    return Chunk(b"zTXt", b"Raw profile type iptc\0\0" + zlib.compress(_profile(lines, len(resource))))


def raw_profile(texts: dict[Any, Any], name: str) -> bytes:
    """What ImageMagick and ExifTool have put into a text, in hexadecimal numbers; empty where there is none."""
    try:
        return bytes.fromhex("".join(str(texts.get(f"Raw profile type {name}", "")).split("\n")[3:]))
    except ValueError:
        return b""


def iptc_of(texts: dict[Any, Any]) -> bytes | None:
    """IPTC data out of the texts of a PNG file."""
    data = raw_profile(texts, "iptc") or raw_profile(texts, "8bim")
    start = data.find(b"8BIM\x04\x04")
    if start < 0:
        return data if data[:1] == b"\x1c" else None
    name = 2 + int.from_bytes(data[start + 6 : start + 7]) // 2 * 2
    length = int.from_bytes(data[start + 6 + name : start + 10 + name])
    return data[start + 10 + name : start + 10 + name + length] or None


def _profile(lines: list[str], length: int) -> bytes:
    return "\n".join(["", "iptc", f"{length:8}", *lines, ""]).encode()


def _chunks(file: BinaryIO) -> Iterator[Chunk]:
    """The chunks after the head; the content of pixels, and of very long ones, is passed over."""
    file.seek(len(SIGNATURE))
    while len(head := file.read(8)) == 8:
        length, name = struct.unpack(">I4s", head)
        if name == b"IDAT" or length > LONGEST:
            file.seek(length, 1)
        else:
            yield Chunk(name, file.read(length))
        file.seek(4, 1)
