"""Pillow's images as arrays, and back, without a third copy of all pixels on the way.

Pillow takes four bytes for a pixel, gray ones apart. An image of 48 million pixels is 137 MiB as RGB and 183 MiB
there, hence the work in strips of rows.
"""

import io

import numpy as np
from PIL import Image, ImageCms

from drbn_lightning.thumbnails import LUMA
from drbn_lightning.types import Pixels

READY = ("L", "LA", "RGB", "RGBA")
_ROWS = 256


def plain(image: Image.Image) -> Image.Image:
    """As L, LA, RGB or RGBA, with the profile that belongs to it in its `info`."""
    if image.mode in ("CMYK", "LAB"):
        return _as_srgb(image)
    if image.mode in READY and "transparency" not in image.info:
        return image
    if image.mode == "1":
        return image.convert("L")
    transparent = image.has_transparency_data or image.mode in ("PA", "La", "RGBa")
    if image.mode in ("L", "La"):
        return image.convert("LA")
    return image.convert("RGBA" if transparent else "RGB")


def planes(image: Image.Image) -> tuple[Pixels, Pixels | None]:
    """The colours `(H, W, 3)` and the alpha `(H, W)` of an image of one of the modes `READY`, uint8."""
    width, height = image.size
    colours = np.empty((height, width, 3), np.uint8)
    alpha = np.empty((height, width), np.uint8) if image.mode in ("LA", "RGBA") else None
    for top in range(0, height, _ROWS):
        strip = np.asarray(image.crop((0, top, width, min(top + _ROWS, height)))).reshape(-1, width, len(image.mode))
        colours[top : top + _ROWS] = strip[..., : 1 if image.mode in ("L", "LA") else 3]
        if alpha is not None:
            alpha[top : top + _ROWS] = strip[..., -1]
    return colours, alpha


def wide_gray(image: Image.Image) -> Pixels:
    """The values `(H, W)` uint16 of a gray image of 16 bits, or of 32 that hold 16.

    Raises:
        ValueError: they are other numbers.
    """
    values = np.asarray(image)
    if image.mode == "F" or values.min(initial=0) < 0 or values.max(initial=0) > 65535:
        raise ValueError("its pixels are numbers without a known range; save it with 8 or 16 bits")
    return values.astype(np.uint16)


def gray_of(image: Pixels) -> Pixels:
    """`(H, W, 3)` to `(H, W)` by `LUMA`, of the same type, a few rows at a time."""
    result = np.empty(image.shape[:2], image.dtype)
    for top in range(0, len(image), _ROWS):
        rows = image[top : top + _ROWS] @ np.array(LUMA)
        result[top : top + _ROWS] = rows if image.dtype.kind == "f" else rows.round()
    return result


def narrowed(image: Pixels) -> Pixels:
    """From uint16 to uint8, rounded; uint8 stays as it is."""
    if image.dtype == np.uint8:
        return image
    result = np.empty(image.shape, np.uint8)
    for top in range(0, len(image), _ROWS):
        result[top : top + _ROWS] = (image[top : top + _ROWS].astype(np.uint32) + 128) // 257
    return result


def image_of(pixels: Pixels, alpha: Pixels | None, *, gray: bool, with_alpha: bool) -> Image.Image:
    """An image of 8 bits.

    Args:
        pixels: `(H, W, 3)` RGB, uint8 or uint16.
        alpha: `(H, W)` of the same type, or None.
        gray: make it gray, by the luminance of the colours.
        with_alpha: keep alpha; else the image is laid on white.
    """
    image = Image.fromarray(narrowed(gray_of(pixels) if gray else pixels))
    if alpha is None:
        return image
    mask = Image.fromarray(narrowed(alpha))
    if with_alpha:
        image.putalpha(mask)
        return image
    paper = Image.new(image.mode, image.size, "white")
    paper.paste(image, mask=mask)
    return paper


def _as_srgb(image: Image.Image) -> Image.Image:
    """Colours of print (CMYK), or of LAB, as sRGB: by the image's profile, without a usable one by Pillow's formula."""
    target = ImageCms.createProfile("sRGB")
    profile = image.info.get("icc_profile")
    try:
        source = (
            ImageCms.createProfile("LAB")
            if image.mode == "LAB"
            else ImageCms.ImageCmsProfile(io.BytesIO(profile or b""))
        )
        converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, TypeError):
        converted = image.convert("RGB")
    converted = image.convert("RGB") if converted is None else converted
    converted.info["icc_profile"] = ImageCms.ImageCmsProfile(target).tobytes()
    return converted
