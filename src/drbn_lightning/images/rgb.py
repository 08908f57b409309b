"""Image files decoded to 8-bit RGB, and written as PNG."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from drbn_lightning.errors import DRBNError, reason_of
from drbn_lightning.files import written_beside
from drbn_lightning.images import pillow, raw, sixteen_bit, tiff
from drbn_lightning.images.exif import left_to_turn, upright
from drbn_lightning.images.formats import RAW
from drbn_lightning.images.opening import opened, recognised


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """Decode one image completely.

    Gray and palette images become RGB, 16 bits become 8 by rounding, alpha is dropped (the colours below it stay),
    EXIF orientation is applied, and of several frames the first one counts. Embedded colour profiles are ignored.

    Returns:
        `(H, W, 3)` uint8, display values in 0 to 255.

    Raises:
        DRBNError: the file is missing, unreadable, empty, truncated, corrupt, no image, or too large (more than
            twice `PIL.Image.MAX_IMAGE_PIXELS`).
    """
    with reading(path):
        if recognised(path) is RAW:
            return pillow.narrowed(raw.develop(path))
        try:
            read = tiff.read_tiff(path, single=False) if tiff.is_tiff(path) else None
        except tiff.RawDataError:
            return pillow.narrowed(raw.develop(path))
        return _read_other(path) if read is None else upright(pillow.narrowed(read.pixels), read.turn)


def _read_other(path: Path) -> NDArray[np.uint8]:
    """What tifffile does not read."""
    with opened(path) as image:
        tile, turn = str(getattr(image, "tile", "")), left_to_turn(image)
        image.load()
        if sixteen_bit.holds(image, tile):
            return upright(pillow.narrowed(sixteen_bit.decode(path.read_bytes())[..., :3]), turn)
        return upright(np.array(_to_rgb(image)), turn)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Give whatever goes wrong while an image is opened and decoded one name and cause; see `read_rgb`.

    Raises:
        DRBNError: in the place of every other exception.
    """
    try:
        yield
    except DRBNError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DRBNError(
            f"The image {path} has too many pixels to be decoded safely ({error}); make it smaller, or say that you "
            "trust it (drbn-enhance and drbn-page: --allow-large)."
        ) from error
    except UnidentifiedImageError as error:
        kind = recognised(path)
        if kind is not None:
            raise DRBNError(f"The file {path} is {kind.name}; {kind.remedy}.") from error
        what = "is empty" if path.stat().st_size == 0 else "is not an image of a known format, or its head is corrupt"
        raise DRBNError(f"The file {path} {what}; replace or remove it.") from error
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        raise DRBNError(
            f"The image {path} cannot be opened ({error.strerror}); check the path and its rights."
        ) from error
    except MemoryError as error:
        raise DRBNError(f"The image {path} needs more memory than there is; make it smaller.") from error
    except (
        Exception
    ) as error:  # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error, ... on bad files
        raise DRBNError(
            f"The image {path} is truncated or corrupt ({reason_of(error)}); replace or remove it."
        ) from error


def resized(image: NDArray[np.uint8], short_side: int) -> NDArray[np.uint8]:
    """Resize an image to a shorter side, without aliasing (Lanczos, over as many pixels as it takes).

    Args:
        image: `(H, W, 3)` uint8.
        short_side: shorter side of the result, in pixels; the longer one follows.
    """
    height, width = image.shape[:2]
    scale = short_side / min(height, width)
    size = round(width * scale), round(height * scale)
    return np.array(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))


def write_png(path: Path, array: NDArray[np.uint8]) -> None:
    """Write a PNG all or nothing: a reader sees the old file or the whole new one.

    Args:
        path: file to write; its folder is made where it is missing.
        array: `(H, W, 3)` RGB or `(H, W)` gray, uint8.

    Raises:
        UnwritableError: see `written_beside`.
        ValueError: `array` is not uint8.
    """
    if array.dtype != np.uint8:
        raise ValueError(f"write_png takes uint8, not {array.dtype}")
    with written_beside(path) as temporary:
        Image.fromarray(array).save(temporary, format="PNG")


def _to_rgb(image: Image.Image) -> Image.Image:
    """Convert any mode of Pillow to RGB."""
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers without a known range; save it with 8 or 16 bits")
    if image.mode.startswith("I"):  # 16 bits, or 32 that hold 16
        image = Image.fromarray(pillow.narrowed(np.asarray(image).clip(0, 65535).astype(np.uint16)))
    if "transparency" in image.info:  # a palette with transparency warns unless it goes through RGBA
        image = image.convert("RGBA")
    return image.convert("RGB")
