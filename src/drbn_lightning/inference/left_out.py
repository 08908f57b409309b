"""What looks like a photo and is not enhanced: named once, by its kind and how many there are of it."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from drbn_lightning.errors import named
from drbn_lightning.extras import installed
from drbn_lightning.images.formats import (
    HEAD_LENGTH,
    HEIF,
    HEIF_SUFFIXES,
    LISTED,
    NAMELESS,
    RAW,
    Kind,
    format_of,
    kind_of_name,
)

EXTRAS = {HEIF: "install the extra that reads them (pip install 'drbn-lightning[heif]')",
          RAW: "name them ('*.NEF'), with the extra that reads them (pip install 'drbn-lightning[raw]')"}  # fmt: skip
"""What else can be done about kinds of files that an extra reads."""


class Failure(NamedTuple):
    """What could not be enhanced, and why, in a sentence that names it; how many files that are."""

    source: str
    cause: str
    files: int = 1


class Unread(NamedTuple):
    """A file that looks like a photo, and is not taken out of a folder."""

    path: Path
    kind: Kind


def unread(path: Path) -> Unread | None:
    """Whether a file in a folder looks like a photo and is left out: by its suffix, or by its content without one."""
    suffix = path.suffix.lower()
    if suffix in HEIF_SUFFIXES:
        return None if installed("pillow_heif") else Unread(path, HEIF)
    if suffix in LISTED:
        return None
    kind = kind_of_name(path.name) if suffix else _nameless(path)
    return kind and Unread(path, kind)


def counted(left_out: Iterable[Unread]) -> list[Failure]:
    """One failure for each kind."""
    by_kind = dict[Kind, list[str]]()
    for path, kind in left_out:
        by_kind.setdefault(kind, []).append(str(path))
    return [
        Failure(files[0], f"left out, {len(files)} x {kind.name}: {named(files)}; {_remedy(kind)}", len(files))
        for kind, files in by_kind.items()
    ]


def _remedy(kind: Kind) -> str:
    return f"{kind.remedy}, or {EXTRAS[kind]}" if kind in EXTRAS else kind.remedy


def _nameless(path: Path) -> Kind | None:
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            return NAMELESS if format_of(file.read(HEAD_LENGTH)) else None
    except OSError:
        return None
