"""Photos in and out with all that belongs to them: 8 or 16 bits, gray, alpha, EXIF data, colour profile, resolution."""

import io
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from drbn_lightning.errors import DRBNError
from drbn_lightning.files import written_beside
from drbn_lightning.images import pillow, png_chunks, raw, sixteen_bit, tiff
from drbn_lightning.images.exif import left_to_turn, tiff_exif, upright, upright_exif, with_size
from drbn_lightning.images.formats import RAW, READ_FORMATS, WRITTEN
from drbn_lightning.images.metadata import LONGEST_SEGMENT, Metadata, jpeg_segment, metadata_of, photoshop_resource
from drbn_lightning.images.opening import opened, recognised
from drbn_lightning.images.png_chunks import Chunk
from drbn_lightning.images.rgb import reading
from drbn_lightning.types import Pixels

LONGEST_JPEG_EXIF = 65533


class Photograph(NamedTuple):
    """A photo that stands upright.

    Attributes:
        pixels: `(H, W, 3)` RGB, uint8 or uint16; of a gray photo, three times the same.
        alpha: `(H, W)` of the same type: how opaque each pixel is. None where all are.
        gray: whether it is written as a gray photo.
        format: the file's format, as Pillow names it.
        exif: EXIF data of orientation 1.
        icc_profile: the ICC profile of the colours.
        dpi: pixels in an inch, across and down.
        metadata: what else the file tells of the photo, and still holds.
    """

    pixels: Pixels
    alpha: Pixels | None = None
    gray: bool = False
    format: str = "PNG"
    exif: bytes | None = None
    icc_profile: bytes | None = None
    dpi: tuple[float, float] | None = None
    metadata: Metadata = Metadata()


def read_photograph(path: Path) -> Photograph:
    """Read a photo by its content, whatever the file is called.

    Colours of CMYK and LAB files become sRGB, by their profile where they have one. In phones' files with further
    images (MPO), and in TIFF files with small ones, the main image counts.

    Raises:
        DRBNError: the file is missing, unreadable, empty, truncated, corrupt, no image, an animation, several
            pages, a camera's raw data, or too large (more than twice `PIL.Image.MAX_IMAGE_PIXELS`).
    """
    with reading(path):
        photograph, turn = _decoded(path)
        return _turned(photograph, turn)


def write_photograph(path: Path, photograph: Photograph, *, quality: int = 95, mode: int | None = None) -> None:
    """Write a photo all or nothing, in the format of the path's suffix, or else in the photo's own.

    16 bits stay where the format has them (PNG, TIFF). Without alpha in the format (JPEG, BMP) the photo is laid on
    white. BMP keeps no EXIF data and no profile; IPTC goes into JPEG, PNG and TIFF, PNG's colour space into PNG only.

    Args:
        path: file to write; its folder is made where it is missing.
        photograph: what to write.
        quality: 1 to 100, of JPEG, WebP and AVIF.
        mode: see `files.written_beside`.

    Raises:
        UnwritableError: see `files.written_beside`.
        DRBNError: the format cannot hold the photo, for example because of its size.
    """
    kind = WRITTEN.get(path.suffix.lower(), photograph.format)
    try:
        content = _encoded(photograph, kind if kind in WRITTEN.values() else "PNG", quality)
    except (OSError, ValueError, OverflowError) as error:  # Pillow's encoders raise each of them
        height, width = photograph.pixels.shape[:2]
        raise DRBNError(
            f"{path} cannot be written: {kind} does not take this image of {width} x {height} pixels ({error}); "
            "choose another format"
        ) from error
    with written_beside(path, mode=mode) as beside:
        beside.write_bytes(content)


def _decoded(path: Path) -> tuple[Photograph, int]:
    """The photo as it is stored, and its orientation."""
    if recognised(path) is RAW:
        return Photograph(raw.develop(path), exif=tiff_exif(path)), 1
    if tiff.is_tiff(path):
        try:
            read = tiff.read_tiff(path, single=True)
        except tiff.RawDataError:
            return Photograph(raw.develop(path), exif=tiff_exif(path)), 1
        if read is not None:
            pixels, alpha, gray, turn, profile, dpi = read
            told = Metadata(*tiff.told(path))
            return Photograph(pixels, alpha, gray, "TIFF", tiff_exif(path), profile, _sensible(dpi), told), turn
    with opened(path, READ_FORMATS) as image:
        _check_single(image, path)
        tile, turn = str(getattr(image, "tile", "")), left_to_turn(image)
        image.load()
        description = Photograph(
            np.empty(0), None, image.mode in ("1", "L", "LA", "La") or "LA;16" in tile,
            "JPEG" if image.format == "MPO" else image.format or "PNG",
            upright_exif(image), image.info.get("icc_profile"), _dpi(image), metadata_of(image, path),
        )  # fmt: skip
        if not sixteen_bit.holds(image, tile):
            return _eight_bits(image, description), turn
    del image  # its pixels are not needed any more
    channels = sixteen_bit.decode(path.read_bytes())
    alpha = np.ascontiguousarray(channels[..., 3]) if channels.shape[2] == 4 else None
    return description._replace(pixels=channels[..., :3], alpha=alpha), turn


def _check_single(image: Image.Image, path: Path) -> None:
    """Raise a DRBNError where a file holds more than one image."""
    images = getattr(image, "n_frames", 1)
    if images > 1 and image.format not in ("MPO", "TIFF", "HEIF"):
        raise DRBNError(
            f"The file {path} is an animation or has several pages ({images} images); save each image to enhance "
            "as a file of its own."
        )


def _eight_bits(image: Image.Image, description: Photograph) -> Photograph:
    if image.mode == "F" or image.mode.startswith("I"):
        values, clear = pillow.wide_gray(image), image.info.get("transparency")
        alpha = None if clear is None else np.where(values == clear, 0, 65535).astype(np.uint16)
        return description._replace(pixels=np.repeat(values[..., None], 3, axis=2), alpha=alpha, gray=True)
    image = pillow.plain(image)
    pixels, alpha = pillow.planes(image)
    return description._replace(pixels=pixels, alpha=alpha, icc_profile=image.info.get("icc_profile"))


def _dpi(image: Image.Image) -> tuple[float, float] | None:
    try:
        across, down = (float(value) for value in image.info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return _sensible((across, down))


def _sensible(dpi: tuple[float, float] | None) -> tuple[float, float] | None:
    return dpi if dpi and all(math.isfinite(value) and 1 <= value <= 65535 for value in dpi) else None


def _turned(photograph: Photograph, turn: int) -> Photograph:
    """Upright, by the orientation that EXIF gives; and so is what tells of the photo."""
    alpha = None if photograph.alpha is None else upright(photograph.alpha, turn)
    pixels = upright(photograph.pixels, turn)
    height, width = pixels.shape[:2]
    exif, metadata = with_size(photograph.exif, width, height), photograph.metadata.upright(width, height)
    return photograph._replace(pixels=pixels, alpha=alpha, exif=exif, metadata=metadata)


def _encoded(photograph: Photograph, kind: str, quality: int) -> bytes | memoryview:
    pixels, alpha, gray, _, exif, profile, dpi, metadata = photograph
    deep = pixels.dtype == np.uint16
    if profile and profile[16:20] != b"RGB " and (not gray or kind in ("WEBP", "AVIF")):
        profile = None  # it is one for gray photos, and this file holds colours
    if kind == "TIFF" or (kind == "PNG" and deep):
        channels = _channels(pixels, alpha, gray=gray)
        if kind == "TIFF":
            return sixteen_bit.tiff(channels, exif, profile, dpi, xmp=metadata.xmp, iptc=metadata.iptc)
        more = () if dpi is None else (png_chunks.resolution_chunk(dpi),)
        return _described_png(sixteen_bit.png(channels, exif, profile), photograph, more)
    image = pillow.image_of(pixels, alpha, gray=gray, with_alpha=kind not in ("JPEG", "BMP"))
    if kind == "JPEG" and exif and len(exif) > LONGEST_JPEG_EXIF:
        exif = None
    wanted = {"exif": exif, "icc_profile": profile, "dpi": dpi}
    options: dict[str, Any] = {key: value for key, value in wanted.items() if value}
    if kind == "JPEG":
        options |= _segments(metadata) | ({"subsampling": 0} if quality >= 90 else {})
    elif kind in ("WEBP", "AVIF") and metadata.xmp:
        options["xmp"] = metadata.xmp
    buffer = io.BytesIO()
    image.save(buffer, format=kind, quality=quality, **options)
    return _described_png(buffer.getvalue(), photograph) if kind == "PNG" else buffer.getbuffer()


def _segments(metadata: Metadata) -> dict[str, Any]:
    """What Pillow writes into a JPEG file, as far as it fits."""
    xmp, iptc, comment, _ = metadata
    fitting = {key: value for key, value in (("xmp", xmp), ("comment", comment), ("extra", iptc)) if value}
    fitting = {key: value for key, value in fitting.items() if len(value) <= LONGEST_SEGMENT}
    return fitting | ({"extra": jpeg_segment(fitting["extra"])} if "extra" in fitting else {})


def _described_png(content: bytes, photograph: Photograph, more: tuple[Chunk, ...] = ()) -> bytes:
    xmp, iptc, comment, chunks = photograph.metadata
    if photograph.icc_profile:
        chunks = tuple(chunk for chunk in chunks if chunk.name != b"sRGB")  # the standard forbids both
    more += (png_chunks.xmp_chunk(xmp),) if xmp else ()
    more += (png_chunks.iptc_chunk(photoshop_resource(iptc)),) if iptc else ()
    if comment and not any(png_chunks.keyword_of(chunk) == b"Comment" for chunk in chunks):
        more += (png_chunks.comment_chunk(comment),)
    return png_chunks.inserted(content, (*chunks, *more))


def _channels(pixels: Pixels, alpha: Pixels | None, *, gray: bool) -> Pixels:
    """`(H, W, C)`: gray (1), gray and alpha (2, only of 8 bits), RGB (3), or RGB and alpha (4)."""
    colours = pillow.gray_of(pixels)[..., None] if gray else pixels
    if alpha is None:
        return colours
    if gray and alpha.dtype == np.uint16:  # OpenCV and Pillow have no such images
        colours = np.repeat(colours, 3, axis=2)
    return np.concatenate([colours, alpha[..., None]], axis=2)
