"""Colour images of 16 bits, of which Pillow holds 8: PNG files in and out, TIFF files out."""

import struct
import zlib
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from drbn_lightning.images.exif import DESCRIPTIVE, PREFIX, SUBFOLDERS
from drbn_lightning.types import Pixels

_ROWS = 256


def holds(image: Image.Image, tile: str) -> bool:
    """Whether an opened file has 16 bits a colour, which Pillow would cut to 8.

    Args:
        image: the file, opened by Pillow.
        tile: its `tile` as text, from before the pixels were loaded.
    """
    return ";16" in tile and image.mode in ("RGB", "RGBA") and "RGBa" not in tile


def decode(content: bytes) -> NDArray[np.uint16]:
    """Decode the content of a PNG file of 16 bits a colour.

    Returns:
        `(H, W, 3)` RGB or `(H, W, 4)` RGB and alpha, as stored: not turned upright.

    Raises:
        ValueError: OpenCV cannot decode it.
    """
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # else it tells of unknown tags on the terminal
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16 or pixels.ndim != 3:
        raise ValueError(
            "its 16 bits a colour are stored in a way that is not supported; save it anew as PNG, or as TIFF"
        )
    return _swapped(pixels)


def png(channels: NDArray[np.uint16], exif: bytes | None, icc_profile: bytes | None) -> bytes:
    """Encode `(H, W, C)` as a PNG file of 16 bits: gray, RGB, or RGB and alpha."""
    exif = exif.removeprefix(PREFIX) if exif else None
    metadata = {cv2.IMAGE_METADATA_EXIF: exif, cv2.IMAGE_METADATA_ICCP: icc_profile}
    chunks = {kind: np.frombuffer(data, np.uint8) for kind, data in metadata.items() if data}
    _, encoded = cv2.imencodeWithMetadata(".png", _swapped(channels.copy()), [*chunks], [*chunks.values()])
    return encoded.tobytes()


def tiff(
    channels: Pixels,
    exif: bytes | None,
    icc_profile: bytes | None,
    dpi: tuple[float, float] | None = None,
    *,
    xmp: bytes | None = None,
    iptc: bytes | None = None,
) -> bytes:
    """Encode a TIFF file of 8 or 16 bits, compressed by deflate with differences (predictor 2, TIFF 6.0 section 14).

    Args:
        channels: `(H, W, C)` uint8 or uint16: gray, gray and alpha, RGB, or RGB and alpha.
        exif: what to say of the photo; see `exif.upright_exif`.
        icc_profile: profile of its colours.
        dpi: pixels in an inch, across and down.
        xmp: an XMP packet.
        iptc: IPTC records.
    """
    height, width, count = channels.shape
    rows = max(1, 2**20 // channels[0].nbytes)
    strips = [_strip(channels[top : top + rows]) for top in range(0, height, rows)]
    starts = np.cumsum([0, *map(len, strips[:-1])]).tolist()  # counted from the end of the directory, which Pillow adds
    tags = _described(exif)
    tags |= {256: width, 257: height, 258: (channels.itemsize * 8,) * count, 259: 8, 262: 2 if count > 2 else 1}
    tags |= {273: tuple(starts), 274: 1, 277: count, 278: rows, 279: tuple(map(len, strips)), 317: 2}
    if count in (2, 4):
        tags[338] = 2  # the last one is alpha, and the colours are not multiplied with it
    tags |= {tag: data for tag, data in ((34675, icc_profile), (700, xmp), (33723, iptc)) if data}
    if dpi:
        tags |= {282: dpi[0], 283: dpi[1], 296: 2}
    directory = ImageFileDirectory_v2()
    for tag in sorted(tags):
        directory[tag] = tags[tag]
    return b"".join([b"II*\x00" + struct.pack("<I", 8), directory.tobytes(8), *strips])


def _strip(rows: Pixels) -> bytes:
    differences = rows.astype(rows.dtype.newbyteorder("<"), order="C")
    differences[:, 1:] -= rows[:, :-1]
    return zlib.compress(differences.data, 6)


def _described(exif: bytes | None) -> dict[int, Any]:
    """The tags of EXIF data, its subfolders too."""
    if not exif:
        return {}
    data = Image.Exif()
    data.load(exif)
    tags = {tag: value for tag, value in data.items() if tag in DESCRIPTIVE}  # others may contradict the pixels
    return tags | {folder: values for folder in SUBFOLDERS if (values := data.get_ifd(folder))}


def _swapped(image: Pixels) -> Pixels:
    """RGB instead of BGR, or the other way, in its own memory."""
    for top in range(0, len(image), _ROWS):
        image[top : top + _ROWS, :, :3] = image[top : top + _ROWS, :, 2::-1].copy()
    return image
