"""The files behind rated photos: where they lie, which are missing, and which are held out."""

import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from drbn_lightning.data.datamodule import TEST, TRAINING, VALIDATION
from drbn_lightning.data.unpaired.splits import HIGH, LOW, MIDDLE, in_part, quotas, ranks, roles
from drbn_lightning.errors import DRBNError, named
from drbn_lightning.images.folders import list_images, natural_key


class PhotoFile(NamedTuple):
    """A photo on disk.

    `kind` as in `PhotoBatch`, `mos` is its mean opinion score or NaN, `role` is TRAINING, VALIDATION or TEST, `key` is
    the configuration key of its folder, and `number` its number in the cache, once it is decoded.
    """

    path: Path
    kind: str
    mos: float
    role: int
    key: str
    number: int = -1


class Shares(NamedTuple):
    """How photos are dealt out: shares held out for validation and test, and which of how many parts is ours."""

    validation: float
    test: float
    part: int = 0
    parts: int = 1


class Limits(NamedTuple):
    """How many held-out photos are used at most."""

    validation: int
    test: int


def checked(shares: Shares, keys: str) -> Shares:
    """Pass shares on.

    Args:
        shares: the shares.
        keys: how their two keys begin, such as `unpaired.`.

    Raises:
        DRBNError: a share is negative, both leave nothing, or there is no such part.
    """
    validation, test, part, parts = shares
    if min(validation, test) < 0 or validation + test >= 1:
        both = f"{keys}validation_share={validation} and {keys}test_share={test}"
        raise DRBNError(f"{both} must be from 0 and leave something to train on: below 1 together")
    if not 0 <= part < parts:
        raise DRBNError(f"unpaired.part={part} must be from 0 to below unpaired.parts={parts}")
    return shares


def in_folder(folder: Path, kind: str, shares: Shares, key: str) -> list[PhotoFile]:
    """Take all photos of a folder, in natural order, dealt out by their names; no scores.

    Raises:
        DRBNError: the folder is missing or holds no image.
    """
    files = list_images(folder)
    names = [file.name for file in files]
    dealt = zip(files, roles(names, shares.validation, shares.test), in_part(names, *shares[2:]), strict=True)
    return [PhotoFile(file, kind, float("nan"), int(role), key) for file, role, mine in dealt if mine]


def find(root: Path, folders: Iterable[str], names: Sequence[str]) -> dict[str, Path]:
    """Find files by their names in `root` and its `folders`; the first one counts. Names may have folders of their own.

    Raises:
        DRBNError: `root` is no folder.
    """
    if not root.is_dir():
        raise DRBNError(f"unpaired.root={root} is not a folder; set it to the folder that holds the photos.")
    places = [at for at in (root, *(root / folder for folder in folders)) if at.is_dir()]
    there = {name: at / name for at in reversed(places) for name in os.listdir(at)}  # noqa: PTH208 names, 10 x faster
    nested = {name: root / name for name in names if "/" in name}
    there |= {name: path for name, path in nested.items() if path.is_file()}
    return {name: there[name] for name in names if name in there}


def missing(table: Path, root: Path, names: Sequence[str], paths: Mapping[str, Path], most: float) -> list[str]:
    """Name the files that are not there, after a warning.

    Args:
        table: where the names stand.
        root: where the files should be.
        names: which photos are wanted.
        paths: those that are there.
        most: share of them that may be missing.

    Raises:
        DRBNError: all are missing, or more than `most`.
    """
    absent = [name for name in names if name not in paths]
    if not absent:
        return []
    if len(absent) == len(names):
        raise DRBNError(
            f"unpaired.root={root} holds none of the {len(names)} photos chosen from {table}, such as {names[0]}; set "
            "it to the folder that holds them."
        )
    message = f"{len(absent)} of the {len(names)} photos chosen from {table} are not in {root}: {named(absent)}"
    if len(absent) > most * len(names):
        raise DRBNError(f"{message}; add them, or allow a larger share with unpaired.max_missing, now {most}.")
    warnings.warn(message, stacklevel=2)
    return absent


def held_out(photos: Sequence[PhotoFile], role: int, most: int) -> list[PhotoFile]:
    """Choose which held-out rated photos are used: of each kind alike, as far as there are enough.

    Args:
        photos: those of all roles and kinds.
        role: VALIDATION or TEST.
        most: how many to choose at most.
    """
    pools = {
        kind: [photo for photo in photos if photo.role == role and photo.kind == kind] for kind in (HIGH, LOW, MIDDLE)
    }
    quota = quotas({kind: len(pool) for kind, pool in pools.items()}, most)
    chosen: list[PhotoFile] = []
    for kind, pool in pools.items():
        rank: NDArray[np.intp] = ranks([photo.path.name for photo in pool], "choose")
        held = [photo for place, photo in zip(rank, pool, strict=True) if place < quota[kind]]
        chosen += sorted(held, key=lambda photo: natural_key(photo.path.name))
    return chosen


def used(photos: Sequence[PhotoFile], limits: Limits) -> list[PhotoFile]:
    """Leave out what is held out but not needed, and photos in training that are neither high nor low."""
    training = [photo for photo in photos if photo.role == TRAINING and photo.kind != MIDDLE]
    validation, test = held_out(photos, VALIDATION, limits.validation), held_out(photos, TEST, limits.test)
    return [*training, *validation, *test]
