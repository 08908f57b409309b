"""Folders of image files, listed in natural order, and labels that tell their files apart."""

import itertools
import logging
import re
from functools import lru_cache
from pathlib import Path

from drbn_lightning.errors import DRBNError, named
from drbn_lightning.images.formats import IMAGE_SUFFIXES, Kind, kind_of_name

_log = logging.getLogger("drbn_lightning")  # Hydra switches off others that are there before a run begins


def list_images(folder: Path) -> list[Path]:
    """List the images of one folder, not of its subfolders, in natural order: `2.png` before `10.png`.

    Hidden files (`.DS_Store`, macOS's `._1.png`) and files of other suffixes (`Thumbs.db`) are left out; what looks
    like a photo (raw files, HEIC, ...) is named in a warning.

    Raises:
        DRBNError: the folder is missing, is a file, cannot be read or holds no image.
    """
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "does not exist"
        raise DRBNError(f"The image folder {folder} {what}; give the path of a folder of images.")
    try:
        entries = list(folder.iterdir())
        files = [file for file in entries if _is_image(file)]
    except OSError as error:
        raise DRBNError(
            f"The image folder {folder} cannot be read ({error.strerror}); check its permissions."
        ) from error
    others = _left_out(entries)
    if not files:
        raise DRBNError(f"The folder {folder} holds no image; looked for {', '.join(IMAGE_SUFFIXES)}.{others}")
    if others:
        _warn(f"{folder}:{others}")
    return sorted(files, key=lambda file: natural_key(file.name))


def natural_key(name: str) -> tuple[list[tuple[bool, int, str]], str]:
    """Give a sorting key in which runs of digits count as numbers and case does not count.

    Example:
        >>> sorted(["10.png", "a2.png", "2.png", "A1.png"], key=natural_key)
        ['2.png', '10.png', 'A1.png', 'a2.png']
    """
    parts = re.split(r"([0-9]+)", name.lower())
    return [(False, int(part), "") if part.isdecimal() else (True, 0, part) for part in parts if part], name


def unused(name: str, folder: str, labels: set[str]) -> str:
    """A label that no other image of the folder has whatever the case of its letters.

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


def _left_out(entries: list[Path]) -> str:
    """What looks like a photo and cannot be in a data set, by kind and count; with a blank before."""
    kinds = dict[Kind, list[str]]()
    for entry in sorted(entries):
        kind = None if entry.name.startswith(".") else kind_of_name(entry.name)
        if kind is not None:
            kinds.setdefault(kind, []).append(entry.name)
    told = (f" Left out, {len(names)} x {kind.name}: {named(names)}; {kind.remedy}." for kind, names in kinds.items())
    return "".join(told)


@lru_cache(maxsize=256)
def _warn(text: str) -> None:
    """Once, however often the folder is listed."""
    _log.warning(text)


def _is_image(file: Path) -> bool:
    return file.suffix.lower() in IMAGE_SUFFIXES and not file.name.startswith(".") and file.is_file()
