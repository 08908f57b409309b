"""TIFF files decoded by tifffile: every layout of gray, RGB and CMYK images of 8 to 64 bits, whole or real numbers."""

import itertools
import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from drbn_lightning.errors import DRBNError
from drbn_lightning.images import tiff_channels
from drbn_lightning.types import Pixels

HEADS = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
"""First bytes of TIFF files, and of BigTIFF files, in either byte order."""

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK = 0, 1, 2, 3, 5
COLOURS = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, CMYK: 4}
"""How many colours a pixel has, by the tag PhotometricInterpretation."""
OTHERS = {3: "palette", 4: "mask", 6: "YCbCr", 8: "CIELab", 9: "ICCLab", 10: "ITULab", 32844: "LogL", 32845: "LogLuv"}
SENSOR = (32803, 34892)
"""What PhotometricInterpretation says of what a camera's sensor saw."""

ORIENTATION, ICC_PROFILE, DNG_VERSION, XMP, IPTC = 274, 34675, 50706, 700, 33723
ACROSS, DOWN, UNIT = 282, 283, 296
REDUCED, MASK = 1, 4
"""What NewSubfileType may say of an image."""
MOST_PAGES = 64
"""How many pages are looked at for a second image."""


class RawDataError(DRBNError):
    """A file holds what a camera's sensor saw, and perhaps a small image beside it."""


class TiffImage(NamedTuple):
    """An image as it is stored, not turned upright.

    Attributes:
        pixels: `(H, W, 3)` RGB, uint8 or uint16; of a gray image, three times the same.
        alpha: `(H, W)` of the same type, or None.
        gray: whether it is a gray image.
        turn: its orientation, 1 to 8.
        icc_profile: the profile of these colours.
        dpi: pixels in an inch, across and down.
    """

    pixels: Pixels
    alpha: Pixels | None
    gray: bool
    turn: int
    icc_profile: bytes | None
    dpi: tuple[float, float] | None


def is_tiff(path: Path) -> bool:
    """Whether a file begins as TIFF files do."""
    with path.open("rb") as file:
        return file.read(4) in HEADS


def told(path: Path) -> tuple[bytes | None, bytes | None]:
    """XMP and IPTC data of the first image of a TIFF file."""
    with _opened(path) as file:
        return _bytes(file.pages[0].tags.get(XMP)), _bytes(file.pages[0].tags.get(IPTC))


def read_tiff(path: Path, *, single: bool) -> TiffImage | None:
    """Decode the first image of a TIFF file.

    Whole numbers of 9 to 15 bits are scaled to 16, those of 32 and 64 too unless they hold 16; real numbers count as
    display values in [0, 1] and become 16 bits.

    Args:
        path: the file.
        single: refuse files of several pages.

    Returns:
        The image; None where Pillow reads it: YCbCr, CIELab, and less than 8 bits.

    Raises:
        RawDataError: it is a camera's raw data.
        DRBNError: it is stored in a way that is not supported, has several pages, or its numbers have no known range.
        Image.DecompressionBombError: it has too many pixels.
        ValueError: the file is damaged; tifffile raises others, too.
    """
    with _opened(path) as file:
        page = file.pages[0]
        _check_no_sensor(path, page)
        if single:
            _check_single(path, file)
        if not _is_ours(path, page):
            return None
        _check_size(page)
        _check_whole(path, page)
        return _decoded(path, page)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    import tifffile  # takes a second, and few files are TIFF

    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # of metadata, which are optional
    with tifffile.TiffFile(path) as file:
        yield file


def _check_no_sensor(path: Path, page: Any) -> None:  # noqa: ANN401  # tifffile's, imported late
    if DNG_VERSION in page.tags or page.subfiletype & REDUCED or page.photometric in SENSOR:
        raise RawDataError(f"The file {path} holds a camera's raw data; develop it to a JPEG, PNG or TIFF file first.")


def _check_single(path: Path, file: Any) -> None:  # noqa: ANN401
    first = itertools.islice(file.pages, MOST_PAGES)  # a damaged file may lead from page to page for ever
    images = (page for page in first if not page.subfiletype & (REDUCED | MASK))
    if len(list(itertools.islice(images, 2))) > 1:
        raise DRBNError(
            f"The file {path} is an animation or has several pages; save each image to enhance as a file of its own."
        )


def _is_ours(path: Path, page: Any) -> bool:  # noqa: ANN401
    bits = np.unique(page.bitspersample)
    if int(page.photometric) in COLOURS:
        if len(bits) > 1 or (page.ndim == 3) != (page.samplesperpixel > 1):
            raise tiff_channels.unsupported(path, f"{page.bitspersample} bits in {page.axes}")
        return bool(bits[0] >= 8)
    if bits.max() > 8:
        kind = OTHERS.get(int(page.photometric), f"PhotometricInterpretation {int(page.photometric)}")
        raise tiff_channels.unsupported(path, f"{kind} colours of {bits.max()} bits")
    # NOTE: Pillow 12 takes the sides of a palette's image for each other where it is turned by a quarter.
    return int(page.photometric) == PALETTE and bits.tolist() == [8] and page.samplesperpixel == 1


def _check_size(page: Any) -> None:  # noqa: ANN401
    limit, pixels = Image.MAX_IMAGE_PIXELS, page.imagewidth * page.imagelength
    if limit is not None and pixels > 2 * limit:
        raise Image.DecompressionBombError(f"{pixels} pixels, more than {2 * limit}")


def _check_whole(path: Path, page: Any) -> None:  # noqa: ANN401
    """Raise where pixels are missing, for which tifffile would put zeros."""
    size = path.stat().st_size
    parts = list(zip(page.dataoffsets, page.databytecounts, strict=True))
    expected = math.prod(page.chunked)
    if len(parts) < expected or any(count <= 0 or offset + count > size for offset, count in parts):
        raise ValueError("pixels are missing")
    if page.compression == 1:
        needed = math.prod(page.shape) * int(np.max(page.bitspersample)) // 8
        if sum(count for _, count in parts) < needed:
            raise ValueError(f"{needed} bytes of pixels are needed")


def _decoded(path: Path, page: Any) -> TiffImage:  # noqa: ANN401
    try:
        values = page.asarray()
    except (NotImplementedError, KeyError) as error:
        compression = getattr(page.compression, "name", page.compression)
        raise tiff_channels.unsupported(path, f"{compression} ({error})") from error
    if values.ndim == 3 and page.planarconfig == 2:
        values = np.moveaxis(values, 0, 2)
    values = values[..., None] if values.ndim == 2 else values
    if page.photometric == PALETTE:
        colours = tiff_channels.of_palette(values, page.colormap)
        return TiffImage(colours, None, False, _turn(page), page.tags.valueof(ICC_PROFILE), _dpi(page))
    channels = tiff_channels.whole_numbers(path, values, int(np.max(page.bitspersample)))
    kind = int(page.photometric)
    colours, alpha, multiplied = tiff_channels.split(path, channels, COLOURS[kind], tuple(page.extrasamples))
    profile = page.tags.valueof(ICC_PROFILE)
    if kind == WHITE_IS_ZERO:
        colours = np.iinfo(colours.dtype).max - colours
    elif kind == CMYK:
        colours, profile = tiff_channels.printed(colours, profile)
    if alpha is not None and multiplied:
        colours = tiff_channels.divided(colours, alpha)
    gray = COLOURS[kind] == 1
    pixels = np.repeat(colours, 3, axis=2) if gray else np.ascontiguousarray(colours)
    return TiffImage(pixels, alpha, gray, _turn(page), profile, _dpi(page))


def _turn(page: Any) -> int:  # noqa: ANN401
    value = page.tags.valueof(ORIENTATION)
    return value if value in range(1, 9) else 1


def _bytes(tag: Any) -> bytes | None:  # noqa: ANN401
    """The value of a tag as it is stored; IPTC data are often said to be numbers of 32 bits."""
    value = None if tag is None else tag.value
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, tuple | int):
        numbers = value if isinstance(value, tuple) else (value,)
        return np.array(numbers, np.uint32).astype(f"{tag.parent.byteorder}u4").tobytes()
    return value if isinstance(value, bytes) else None


def _dpi(page: Any) -> tuple[float, float] | None:  # noqa: ANN401
    """From pixels in an inch (unit 2) or in a centimetre (3)."""
    unit = page.tags.valueof(UNIT, default=2)
    try:
        across, down = (numerator / denominator for numerator, denominator in map(page.tags.valueof, (ACROSS, DOWN)))
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    scale = {2: 1.0, 3: 2.54}.get(unit)
    return None if scale is None else (across * scale, down * scale)
