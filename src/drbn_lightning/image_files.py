"""Image files in and out: folders listed in natural order, pictures decoded to RGB, files written all or nothing."""

import errno
import itertools
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from drbn_lightning.errors import DRBNError

IMAGE_SUFFIXES = (".png", ".webp", ".avif", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
"""Suffixes of the files that count as pictures, in lower case; files may spell them in any case."""

TEMPORARY_SUFFIX = ".part"
"""How the hidden files end that `written_beside` has not finished yet."""

UNWRITABLE = {
    errno.ENOSPC: "no space is left on the device",
    errno.EFBIG: "the file would be larger than is allowed",
    errno.EDQUOT: "the disk quota is used up",
    errno.EACCES: "permission is denied",
    errno.EPERM: "permission is denied",
    errno.EROFS: "the file system is read-only",
    errno.ENOTDIR: "a file is in the place of a folder",
    errno.EEXIST: "a file is in the place of a folder",
    errno.EISDIR: "a folder is in its place",
}
"""Why a file cannot be written, by error number, where the reason lies outside the program."""


class UnwritableError(DRBNError):
    """A file cannot be written for a reason that lies outside the program: space, permission, a name in the way."""


def list_images(folder: Path) -> list[Path]:
    """List the pictures of one folder, not of its subfolders, in natural order: `2.png` before `10.png`.

    Hidden files (`.DS_Store`, macOS's `._1.png`) and files of other suffixes (`Thumbs.db`) are left out.

    Raises:
        DRBNError: the folder is missing, is a file, cannot be read or holds no picture.
    """
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "does not exist"
        raise DRBNError(f"The picture folder {folder} {what}; give the path of a folder of pictures.")
    try:
        files = [file for file in folder.iterdir() if _is_picture(file)]
    except OSError as error:
        raise DRBNError(
            f"The picture folder {folder} cannot be read ({error.strerror}); check its permissions."
        ) from error
    if not files:
        raise DRBNError(f"The folder {folder} holds no picture; looked for {', '.join(IMAGE_SUFFIXES)}.")
    return sorted(files, key=lambda file: natural_key(file.name))


def natural_key(name: str) -> tuple[list[tuple[bool, int, str]], str]:
    """Give a sorting key in which runs of digits count as numbers and case does not count.

    Example:
        >>> sorted(["10.png", "a2.png", "2.png", "A1.png"], key=natural_key)
        ['2.png', '10.png', 'A1.png', 'a2.png']
    """
    parts = re.split(r"([0-9]+)", name.lower())
    return [(False, int(part), "") if part.isdecimal() else (True, 0, part) for part in parts if part], name


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """Decode one picture completely.

    Gray and palette pictures become RGB, 16 bits become 8 by rounding, alpha is dropped (the colours below it stay),
    EXIF orientation is applied, and of several frames the first one counts. Embedded colour profiles are ignored.

    Returns:
        `(H, W, 3)` uint8, display values in 0 to 255.

    Raises:
        DRBNError: the file is missing, unreadable, empty, truncated, corrupt, no picture, or too large (more than
            twice `PIL.Image.MAX_IMAGE_PIXELS`).
    """
    with reading(path), Image.open(path) as image:
        image.load()
        upright = ImageOps.exif_transpose(image)
        return np.array(_to_rgb(upright))


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Give whatever goes wrong while a picture is opened and decoded one name and cause; see `read_rgb`.

    Raises:
        DRBNError: in the place of every other exception.
    """
    try:
        yield
    except DRBNError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DRBNError(
            f"The picture {path} has too many pixels to be decoded safely ({error}); make it smaller."
        ) from error
    except UnidentifiedImageError as error:
        what = "is empty" if path.stat().st_size == 0 else "is not a picture of a known format, or its head is corrupt"
        raise DRBNError(f"The file {path} {what}; replace or remove it.") from error
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        raise DRBNError(
            f"The picture {path} cannot be opened ({error.strerror}); check the path and its rights."
        ) from error
    except MemoryError as error:
        raise DRBNError(f"The picture {path} needs more memory than there is; make it smaller.") from error
    except (
        Exception
    ) as error:  # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error, ... on bad files
        raise DRBNError(f"The picture {path} is truncated or corrupt ({error}); replace or remove it.") from error


def resized(picture: NDArray[np.uint8], short_side: int) -> NDArray[np.uint8]:
    """Resize a picture to a shorter side, without aliasing (Lanczos, over as many pixels as it takes).

    Args:
        picture: `(H, W, 3)` uint8.
        short_side: shorter side of the result, in pixels; the longer one follows.
    """
    height, width = picture.shape[:2]
    scale = short_side / min(height, width)
    size = round(width * scale), round(height * scale)
    return np.array(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))


def unused(name: str, folder: str, labels: set[str]) -> str:
    """A label that no other picture of the folder has whatever the case of its letters.

    Args:
        name: a file's name.
        folder: the folder that the label is for.
        labels: those in use, in lower case; the new one is added.

    Returns:
        The name without its suffix; where that is in use the whole name, and then with a number.

    Example:
        >>> labels = set()
        >>> [unused(name, "", labels) for name in ("a.png", "A.jpg", "b.png", "a.jpg")]
        ['a', 'A.jpg', 'b', 'a.jpg_2']
    """
    path = Path(name)
    candidates = itertools.chain((path.stem, path.name), (f"{path.name}_{number}" for number in itertools.count(2)))
    label = next(candidate for candidate in candidates if (folder + candidate).lower() not in labels)
    labels.add((folder + label).lower())
    return label


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


@contextmanager
def written_beside(path: Path) -> Iterator[Path]:
    """Give a temporary path in the folder of `path`, renamed to `path` at the end or removed after an exception.

    The folder is made where it is missing. Several processes may write the same `path`; the last one stays. For
    `torch.save` see `networks.checkpoint.write`: given a path or a file, it hides a full disk in a RuntimeError.

    Raises:
        UnwritableError: no space, no permission, a read-only file system or a file in the place of a folder.
    """
    temporary = path.parent / f".{uuid.uuid4().hex}{TEMPORARY_SUFFIX}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        # An error about another file is the caller's: it keeps its own name. Failed writes name no file.
        ours = error.filename is None or Path(error.filename) in {temporary, path, *path.parents}
        if ours and error.errno in UNWRITABLE:
            message = f"{path} cannot be written: {UNWRITABLE[error.errno]}; mend that or choose another folder."
            raise UnwritableError(message) from error
        raise
    finally:
        _remove(temporary)


def _remove(file: Path) -> None:
    """Remove a file that may be missing or in a folder that is none."""
    try:
        file.unlink(missing_ok=True)
    except OSError:  # the folder itself was the trouble, and that is reported already
        return


def _is_picture(file: Path) -> bool:
    return file.suffix.lower() in IMAGE_SUFFIXES and not file.name.startswith(".") and file.is_file()


def _to_rgb(image: Image.Image) -> Image.Image:
    """Convert any mode of Pillow to RGB."""
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers without a known range; save it with 8 or 16 bits")
    if image.mode.startswith("I"):  # 16 bits, or 32 that hold 16
        wide = np.asarray(image).astype(np.float64)
        image = Image.fromarray((wide / 257).round().clip(0, 255).astype(np.uint8))
    if "transparency" in image.info:  # a palette with transparency warns unless it goes through RGBA
        image = image.convert("RGBA")
    return image.convert("RGB")
