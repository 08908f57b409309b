"""EXIF data of a photo whose pixels have been turned upright: changed where it has to be, kept in every other byte."""

import struct

import numpy as np
from PIL import ExifTags, Image

from drbn_lightning.types import Pixels

PREFIX = b"Exif\x00\x00"
BYTE_ORDERS = {b"II*\x00": "<", b"MM\x00*": ">"}
SUBFOLDERS = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)

Base = ExifTags.Base
DESCRIPTIVE = (
    Base.ImageDescription, Base.Make, Base.Model, Base.XResolution, Base.YResolution, Base.ResolutionUnit,
    Base.Software, Base.DateTime, Base.Artist, Base.HostComputer, Base.Copyright, Base.Rating, Base.RatingPercent,
    Base.XPTitle, Base.XPComment, Base.XPAuthor, Base.XPKeywords, Base.XPSubject,
)  # fmt: skip
"""Tags of a TIFF file that tell of the photo, and not of how its pixels are stored."""


def orientation(image: Image.Image) -> int:
    """How the pixels have to be turned, 1 (not at all) to 8; values that mean nothing count as 1."""
    try:
        value = image.getexif().get(Base.Orientation, 1)
    except (SyntaxError, struct.error, ValueError, TypeError, KeyError):  # Pillow's, of damaged data
        return 1
    return value if value in range(1, 9) else 1


def upright(image: Pixels, turn: int) -> Pixels:
    """Turn pixels `(H, W, ...)` as an orientation says: 2 and 4 mirror, 3 turns, 5 to 8 exchange the sides as well."""
    image = image.swapaxes(0, 1) if turn >= 5 else image
    image = image[::-1] if turn in (3, 4, 7, 8) else image
    return np.ascontiguousarray(image[:, ::-1] if turn in (2, 3, 6, 7) else image)


def upright_exif(image: Image.Image) -> bytes | None:
    """A decoded photo's EXIF data, orientation set to 1 and without the small image that cameras put there.

    Returns:
        The data after `PREFIX`, or None where there is none, or none that can be understood.
    """
    raw = image.info.get("exif")
    if isinstance(raw, bytes):
        try:
            return PREFIX + with_orientation_1(raw.removeprefix(PREFIX))
        except (struct.error, KeyError):
            return None
    found = image.getexif()
    kept = Image.Exif()
    for tag, value in found.items():
        if tag in DESCRIPTIVE:
            kept[tag] = value
    for folder in SUBFOLDERS:
        if inside := found.get_ifd(folder):
            kept.get_ifd(folder).update(inside)
    data = kept.tobytes()
    return None if data == Image.Exif().tobytes() else data


def with_orientation_1(data: bytes) -> bytes:
    """Overwrite the orientation, and the link to the second folder: in EXIF data it holds the old image in small.

    A maker's notes point to places in the data, so nothing is moved.

    Args:
        data: EXIF data without `PREFIX`, or a TIFF file, which is built in the same way.

    Raises:
        KeyError, struct.error: the data are no EXIF data, or cut off.
    """
    order = BYTE_ORDERS[data[:4]]
    changed = bytearray(data)
    (start,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, start)
    for place in range(start + 2, start + 2 + 12 * count, 12):
        (tag,) = struct.unpack_from(f"{order}H", data, place)
        if tag == Base.Orientation:
            struct.pack_into(f"{order}HIHH", changed, place + 2, 3, 1, 1, 0)  # one number of 16 bits: 1
    link = start + 2 + 12 * count
    if link + 4 <= len(data):
        struct.pack_into(f"{order}I", changed, link, 0)
    return bytes(changed)
