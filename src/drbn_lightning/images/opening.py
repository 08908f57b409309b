"""Image files opened by Pillow, those of extras too, and JPEG files that lack their end."""

import io
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, PngImagePlugin

from drbn_lightning.errors import DRBNError
from drbn_lightning.extras import extra
from drbn_lightning.images.formats import HEAD_LENGTH, HEIF, Kind, kind_of

END = b"\xff\xd9"
"""The last two bytes of a JPEG file (EOI)."""

_NEXT = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_BITS = (b"\x5a\xa6\x39" * 64, b"\xa5\x59\xc6" * 64)
PADDINGS = (*_BITS, b"".join(b"\xff" + bytes([0xD0 + number % 8]) + _BITS[0] for number in range(64)))
"""What is taken for pixels where some are missing: bits that begin with 0, with 1, and after each restart marker."""

MOST_SCANS = 200
"""Of a progressive JPEG file, which has about ten: each one takes as long as the whole image, and few bytes."""
_SCAN = b"\xff\xda"

LONGEST_TEXT = 1 << 26
"""Bytes of a profile or text in a PNG file; there are bombs, too. Pillow's own limit is a megabyte."""

# Once for the process: images are read in several threads, in which a limit cannot be set and taken back.
PngImagePlugin.MAX_TEXT_CHUNK = max(PngImagePlugin.MAX_TEXT_CHUNK, LONGEST_TEXT)


def recognised(path: Path) -> Kind | None:
    """What a file is by its first bytes, see `kind_of`.

    Raises:
        OSError: it cannot be read.
        DRBNError: it is a pipe or a device, which might never end.
    """
    if not stat.S_ISREG(mode := path.stat().st_mode) and not stat.S_ISDIR(mode):
        raise DRBNError(f"{path} is a pipe or a device, not a file; - as a name reads standard input")
    with path.open("rb") as file:
        return kind_of(file.read(HEAD_LENGTH), path.suffix)


@contextmanager
def opened(path: Path, formats: tuple[str, ...] | None = None) -> Iterator[Image.Image]:
    """Open an image file by its content. Of JPEG files the pixels are loaded already.

    Args:
        path: the file.
        formats: what it may be, by Pillow's names; HEIF may be added. None: whatever Pillow knows.

    Raises:
        DRBNError: it is a HEIF file, and the extra is not installed.
        OSError, SyntaxError, ...: it is damaged.
    """
    if recognised(path) is HEIF:
        _register_heif(path)
        formats = ("HEIF",)
    with Image.open(path, formats=formats) as image:
        completed = _completed(image, path) if image.format in ("JPEG", "MPO") else image
        yield completed


def pixels_of(path: Path) -> int | None:
    """How many pixels an image file has, by its head alone; None where Pillow by itself does not know."""
    try:
        if not path.is_file():  # a pipe would wait for ever
            return None
        with Image.open(path) as image:
            return image.width * image.height
    except Exception:  # of many kinds: whoever reads the pixels says what is wrong
        return None


@contextmanager
def any_size(allowed: bool) -> Iterator[None]:
    """Read images of any number of pixels, where it is allowed; else `PIL.Image.MAX_IMAGE_PIXELS` limits them."""
    limit = Image.MAX_IMAGE_PIXELS
    try:
        Image.MAX_IMAGE_PIXELS = None if allowed else limit
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _register_heif(path: Path) -> None:
    try:
        extra("pillow_heif", "heif").register_heif_opener()
    except DRBNError as error:
        raise DRBNError(f"The file {path} is {HEIF.name}; {HEIF.remedy}, or: {error}") from error


def _completed(image: Image.Image, path: Path) -> Image.Image:
    """A JPEG file, loaded. Where only its end is missing, nothing is lost.

    Raises:
        OSError: pixels are missing, too.
    """
    if "progressive" in image.info and path.read_bytes().count(_SCAN) > MOST_SCANS:
        raise ValueError(f"more than {MOST_SCANS} scans")
    try:
        image.load()
    except OSError:
        content = path.read_bytes().rstrip(b"\xff")
        decoded = _decoded(content + END)
        # What follows the last pixel is skipped.
        others = [_decoded(content + padding + END) for padding in PADDINGS]
        if decoded is None or any(other is None or decoded.tobytes() != other.tobytes() for other in others):
            raise
        if not _has_all_scans(content):
            raise
        return decoded
    return image


def _has_all_scans(content: bytes) -> bool:
    """Whether the scans of a progressive JPEG file give all bits of every coefficient (ITU-T T.81, section G.1.1)."""
    missing, place = dict[tuple[int, int], int](), 2
    while 0 < place < len(content) - 3:
        marker, length = content[place + 1], int.from_bytes(content[place + 2 : place + 4])
        about = content[place + 4 : place + 2 + length]
        place += 2 + length
        if marker == 0xC2:  # SOF2: the components
            missing = {(component, number): 1 for component in about[6::3] for number in range(64)}
        elif marker == 0xDA and missing:  # SOS: components, first and last coefficient, bits that are still missing
            components, (first, last, bits) = about[1:-3:2], about[-3:]
            missing |= {(one, number): bits & 15 for one in components for number in range(first, last + 1)}
        if marker == 0xDA:
            place = next((found.start() for found in _NEXT.finditer(content, place)), 0)
    return not any(missing.values())


def _decoded(content: bytes) -> Image.Image | None:
    image = Image.open(io.BytesIO(content), formats=("JPEG",))
    try:
        image.load()
    except OSError:
        return None
    return image
