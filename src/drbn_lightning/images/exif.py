"""EXIF data of a photo whose pixels have been turned upright: changed where it has to be, kept in every other byte."""

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile

from drbn_lightning.types import Pixels

PREFIX = b"Exif\x00\x00"
BYTE_ORDERS = {b"II*\x00": "<", b"MM\x00*": ">"}
SUBFOLDERS: tuple[int, ...] = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)

Base = ExifTags.Base
SHORT, LONG = 3, 4
WIDTHS, HEIGHTS = (Base.ImageWidth, Base.ExifImageWidth), (Base.ImageLength, Base.ExifImageHeight)
"""Tags that tell the size of the image."""

DESCRIPTIVE = (
    Base.ImageDescription, Base.Make, Base.Model, Base.XResolution, Base.YResolution, Base.ResolutionUnit,
    Base.Software, Base.DateTime, Base.Artist, Base.HostComputer, Base.Copyright, Base.Rating, Base.RatingPercent,
    Base.XPTitle, Base.XPComment, Base.XPAuthor, Base.XPKeywords, Base.XPSubject,
)  # fmt: skip
"""Tags of a TIFF file that tell of the photo, and not of how its pixels are stored."""


def orientation(image: Image.Image) -> int:
    """How the pixels have to be turned, 1 (not at all) to 8; values that mean nothing count as 1.

    What XMP alone says does not count, as in browsers.
    """
    try:
        value = _own_exif(image).get(Base.Orientation, 1)
    except (SyntaxError, struct.error, ValueError, TypeError, KeyError):  # Pillow's, of damaged data
        return 1
    return value if value in range(1, 9) else 1


def left_to_turn(image: Image.Image) -> int:
    """How the pixels have to be turned after they have been loaded: Pillow turns TIFF files itself."""
    turn = orientation(image)
    if not isinstance(image, TiffImageFile):
        return turn
    image.getexif()[Base.Orientation] = turn  # else Pillow goes by what XMP says
    return 1


def _own_exif(image: Image.Image) -> Mapping[int, Any]:
    if isinstance(image, TiffImageFile):
        return image.tag_v2
    raw = image.info.get("exif")
    if not isinstance(raw, bytes):
        return image.getexif() if "Raw profile type exif" in image.info else {}
    exif = Image.Exif()
    exif.load(raw)
    return exif


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
    tags = image.getexif()
    return _selected(tags, {folder: tags.get_ifd(folder) for folder in SUBFOLDERS})


def tiff_exif(path: Path) -> bytes | None:
    """What a TIFF or BigTIFF file says of its first image, as EXIF data of orientation 1; see `upright_exif`."""
    try:
        with path.open("rb") as file:
            head = file.read(8)
            head += file.read(8) if 43 in head[2:4] else b""
            directory = _directory(file, head, ImageFileDirectory_v2(head).next)
            folders = {tag: _directory(file, head, directory[tag]) for tag in SUBFOLDERS if tag in directory}
        return _selected(directory, folders)
    except (SyntaxError, struct.error, ValueError, TypeError, KeyError, OSError):  # Pillow's, of damaged data
        return None


def _directory(file: BinaryIO, head: bytes, place: int) -> dict[int, Any]:
    directory = ImageFileDirectory_v2(head)
    file.seek(place)
    directory.load(file)
    return dict(directory)


def _selected(tags: Mapping[int, Any], folders: Mapping[int, Mapping[int, Any]]) -> bytes | None:
    """EXIF data of descriptive tags and subfolders; None where there are none."""
    selected = Image.Exif()
    selected.update({tag: value for tag, value in tags.items() if tag in DESCRIPTIVE})
    for folder, inside in folders.items():
        if inside:
            selected.get_ifd(folder).update(inside)
    data = selected.tobytes()
    return None if data == Image.Exif().tobytes() else data


def with_size(exif: bytes | None, width: int, height: int) -> bytes | None:
    """EXIF data whose sizes, where they tell any, are those of the upright image; None where they are damaged."""
    if exif is None:
        return None
    data = exif.removeprefix(PREFIX)
    changed = bytearray(data)
    try:
        order = BYTE_ORDERS[data[:4]]
        (start,) = struct.unpack_from(f"{order}I", data, 4)
        for tag, place in _entries(data, order, start):
            if tag == ExifTags.IFD.Exif:
                (inside,) = struct.unpack_from(f"{order}I", data, place + 8)
                for inner, inner_place in _entries(data, order, inside):
                    _resize(changed, order, inner, inner_place, width, height)
            _resize(changed, order, tag, place, width, height)
    except (struct.error, KeyError):
        return None
    return PREFIX + bytes(changed)


def _resize(changed: bytearray, order: str, tag: int, place: int, width: int, height: int) -> None:
    if tag not in (*WIDTHS, *HEIGHTS):
        return
    value = width if tag in WIDTHS else height
    (form,) = struct.unpack_from(f"{order}H", changed, place + 2)
    if form == SHORT and value <= 65535:
        struct.pack_into(f"{order}HIHH", changed, place + 2, SHORT, 1, value, 0)
    else:
        struct.pack_into(f"{order}HII", changed, place + 2, LONG, 1, value)


def _entries(data: bytes, order: str, start: int) -> Iterator[tuple[int, int]]:
    """The tags of a folder, and where their entries begin."""
    (count,) = struct.unpack_from(f"{order}H", data, start)
    for place in range(start + 2, start + 2 + 12 * count, 12):
        yield struct.unpack_from(f"{order}H", data, place)[0], place


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
    for tag, place in _entries(data, order, start):
        if tag == Base.Orientation:
            struct.pack_into(f"{order}HIHH", changed, place + 2, 3, 1, 1, 0)  # one number of 16 bits: 1
    link = start + 2 + 12 * count
    if link + 4 <= len(data):
        struct.pack_into(f"{order}I", changed, link, 0)
    return bytes(changed)
