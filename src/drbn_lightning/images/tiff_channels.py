"""The channels of TIFF images as colours of 8 or 16 bits, with or without alpha."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from drbn_lightning.errors import DRBNError
from drbn_lightning.images import pillow
from drbn_lightning.types import Pixels

PREMULTIPLIED, ALPHA = 1, 2
"""What ExtraSamples may say of a channel."""

_ROWS = 256


def whole_numbers(path: Path, values: Pixels, bits: int) -> Pixels:
    """As uint8 or uint16, whose largest number is white.

    Raises:
        DRBNError: nobody knows which number is white.
    """
    if values.dtype.kind == "u" and bits in (8, 16):
        return values.astype(values.dtype.newbyteorder("="), copy=False)
    if values.dtype.kind not in "uif":
        raise unsupported(path, f"{values.dtype} numbers")
    low, high = values.min(), values.max()
    if values.dtype.kind == "f":
        white, right = 1.0, low >= 0 and high <= 1  # false for NaN, too
    elif bits > 16 and high <= 65535:  # numbers of 16 bits, as Pillow writes them; of 8 they would all be black
        white, right = 65535.0, low >= 0 and (high > 255 or high == 0)
    else:
        white, right = float(2**bits - 1), values.dtype.kind == "u"
    if not right:
        raise DRBNError(
            f"The TIFF file {path} holds {values.dtype} numbers from {low:g} to {high:g}, and nobody knows which one "
            "is white; save it with 8 or 16 bits, or as floating-point numbers in [0, 1]."
        )
    result = np.empty(values.shape, np.uint16)
    for top in range(0, len(values), _ROWS):
        result[top : top + _ROWS] = np.multiply(values[top : top + _ROWS], 65535 / white, dtype=np.float64).round()
    return result


def split(path: Path, channels: Pixels, count: int, extra: tuple[int, ...]) -> tuple[Pixels, Pixels | None, bool]:
    """Colours, alpha, and whether the ones are multiplied with the other.

    One more channel that nothing is said of is alpha, as for Pillow.
    """
    more = channels.shape[2] - count
    if more < 0 or (count == 1 and more > 1):
        raise unsupported(path, f"{channels.shape[2]} channels")
    kinds = extra or ((ALPHA,) if more == 1 else ())
    place = next((number for number, kind in enumerate(kinds[:more]) if kind in (PREMULTIPLIED, ALPHA)), None)
    alpha = None if place is None else np.ascontiguousarray(channels[..., count + place])
    return channels[..., :count], alpha, place is not None and kinds[place] == PREMULTIPLIED


def of_palette(numbers: Pixels, palette: NDArray[Any]) -> Pixels:
    """`(H, W, 1)` numbers of colours as `(H, W, 3)` uint8, by a palette `(3, 256)` of 16 bits, or of 16 that hold 8."""
    colours = palette if palette.max() < 256 else palette >> 8
    return colours.T.astype(np.uint8)[numbers[..., 0]]


def printed(ink: Pixels, profile: bytes | None) -> tuple[Pixels, bytes | None]:
    """Colours of print as sRGB of 8 bits, in the type of the ink."""
    image = Image.frombuffer("CMYK", ink.shape[1::-1], np.ascontiguousarray(pillow.narrowed(ink)).tobytes())
    image.info["icc_profile"] = profile
    srgb = pillow.plain(image)
    colours = np.asarray(srgb)
    return (colours if ink.dtype == np.uint8 else colours.astype(np.uint16) * 257), srgb.info.get("icc_profile")


def divided(colours: Pixels, alpha: Pixels) -> NDArray[Any]:
    """Colours that were multiplied with alpha, as they were before; black where they are invisible."""
    white = np.iinfo(colours.dtype).max
    result = np.empty_like(colours, order="C")
    for top in range(0, len(colours), _ROWS):
        rows, opacity = colours[top : top + _ROWS].astype(np.float64), alpha[top : top + _ROWS, :, None]
        result[top : top + _ROWS] = (rows * white / np.maximum(opacity, 1)).clip(0, white).round()
    return result


def unsupported(path: Path, what: str) -> DRBNError:
    """The error for a TIFF file that is stored in a way that is not supported."""
    return DRBNError(f"The TIFF file {path} holds {what}, which is not supported; save it as RGB with 8 or 16 bits.")
