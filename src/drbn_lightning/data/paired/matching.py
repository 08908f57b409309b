"""Pairs of a low-light image and its normal-light target: found by name, checked, split for validation."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from drbn_lightning.data.cache import ImageCache
from drbn_lightning.data.likeness import alike
from drbn_lightning.errors import DRBNError, named
from drbn_lightning.images.folders import list_images, natural_key
from drbn_lightning.images.formats import IMAGE_SUFFIXES

LOW_WORDS, NORMAL_WORDS = ("low", "input"), ("normal", "high", "gt", "target")
"""What the names of low-light images and of their targets may say."""

SID = re.compile(r"(\d{5})_\d{2}_[\d.]+s")
"""A file of SID: scene, number and exposure time."""

_BEFORE = re.compile(r"^(low|normal|high)[ _.-]*(?=.)")
_AFTER = re.compile(rf"(?<=.)[ _.-]+({'|'.join(LOW_WORDS + NORMAL_WORDS)})$")


class PairPaths(NamedTuple):
    """The two files of one pair, and the name they share."""

    name: str
    low: Path
    normal: Path


def pair_key(path: Path) -> str:
    """Give the name by which a file finds its partner, in lower case.

    It is the stem without a word that tells which of both it is: low, normal or high in front, and these, input, target
    or gt at the end, after a separator. Of a file named as those of SID it is the scene: `00001_00_0.1s` is 00001.

    Example:
        >>> [pair_key(Path(name)) for name in ("low00001.png", "Normal00001.AVIF", "high_7.jpg", "low.png")]
        ['00001', '00001', '7', 'low']
        >>> [pair_key(Path(name)) for name in ("1_low.jpg", "1_high.jpg", "a-GT.png", "yellow.png", "00001_00_.1s.png")]
        ['1', '1', 'a', 'yellow', '00001']
    """
    stem = path.stem.lower()
    if scene := SID.fullmatch(stem):
        return scene[1]
    return _AFTER.sub("", _BEFORE.sub("", stem))


def image_key(path: Path) -> str:
    """Give the name that tells a low-light image from all others: `pair_key`, but of SID's files the whole stem."""
    stem = path.stem.lower()
    return stem if SID.fullmatch(stem) else pair_key(path)


def pair_by_name(low_folder: Path, normal_folder: Path) -> list[PairPaths]:
    """Pair the images of two folders by `pair_key`; suffixes may differ (`1.webp` and `1.avif`).

    Both may be one folder, where the names tell which is which: `1_low.jpg` and `1_high.jpg`. Several exposures may
    share one target, in two layouts: as in SID (`00001_00_0.1s.png`, `00001_01_0.1s.png`; `00001_00_10s.png`), or as in
    SICE, where the low-light folder has a subfolder for each target (`7/1.JPG`, `7/2.JPG`; `Label/7.JPG`).

    Returns:
        Pairs in the natural order of the low-light files. Those that share a target have names of their own.

    Raises:
        DRBNError: a folder is missing or empty, two of its files have one name, or a file has no partner.
    """
    low_files, normal_files = _sides(low_folder, normal_folder)
    low, normal = _exposures(low_folder, low_files), _by_key(normal_folder, normal_files)
    _require_partners(low, normal, normal_folder)
    _require_partners(normal, low, low_folder)
    return [PairPaths(name, file, normal[key]) for key, exposures in low.items() for name, file in exposures.items()]


def pair_files(pairs: Sequence[PairPaths]) -> list[Path]:
    """List the files of pairs as a cache of them must have them: all low-light files, then all normal-light ones."""
    return [pair.low for pair in pairs] + [pair.normal for pair in pairs]


def verify(pairs: Sequence[PairPaths], cache: ImageCache) -> None:
    """Check that both images of every pair have one size.

    Args:
        pairs: the pairs.
        cache: the cache of `pair_files(pairs)`, which decoded all of them.

    Raises:
        DRBNError: a pair's sizes differ.
    """
    for number, pair in enumerate(pairs):
        (_, height, width), (_, target_height, target_width) = cache.shape(number), cache.shape(len(pairs) + number)
        if (height, width) != (target_height, target_width):
            raise DRBNError(
                f"{pair.low} ({width}x{height} pixels) and {pair.normal} ({target_width}x{target_height} pixels) are a "
                "pair but differ in size; replace or remove both files."
            )


def split_by_target(pairs: Sequence[PairPaths], cache: ImageCache, count: int, seed: int) -> list[int]:
    """Choose pairs for validation so that no target, nor a near copy of it, lies on both sides.

    Pairs whose normal-light images are equal or `alike` stay together, also through a third one. Other
    exposures of the same scene may be on both sides.

    Args:
        pairs: all pairs.
        cache: the cache of `pair_files(pairs)`.
        count: how many pairs to choose; at most this many unless the smallest group is larger, and never all.
        seed: the same seed and pairs give the same choice.

    Returns:
        Numbers of the pairs to validate on, ascending; the others are for training.

    Raises:
        DRBNError: `count` is above 0 but all pairs share one target.
        ValueError: `count` is negative.
    """
    if count < 0:
        raise ValueError(f"count is {count}; give 0 or more")
    if count == 0:
        return []
    targets = range(len(pairs), 2 * len(pairs))
    groups = _groups([cache.digest(number) for number in targets], [cache.signature(number) for number in targets])
    if len(groups) < 2:
        where = pairs[0].normal.parent if pairs else "an empty list of pairs"
        raise DRBNError(f"No pairs can be kept for validation: fewer than 2 different targets in {where}; add pairs.")
    order = np.random.default_rng(seed).permutation(len(groups))
    chosen = _choose([groups[number] for number in order], count)
    return sorted(number for group in chosen for number in group)


def _choose(groups: list[list[int]], count: int) -> list[list[int]]:
    """Take groups in order while they fit; where none fits, the smallest one. The last one always stays."""
    chosen: list[list[int]] = []
    free = count
    for group in groups[:-1]:
        if len(group) <= free:
            chosen.append(group)
            free -= len(group)
    return chosen or [min(groups, key=len)]


def _groups(digests: Sequence[str], signatures: Sequence[str]) -> list[list[int]]:
    """Put the numbers of pairs of one target together, ordered by their first pair."""
    same: NDArray[np.bool_] = np.equal.outer(np.array(digests), np.array(digests)) | alike(signatures, signatures)
    labels = np.arange(len(signatures))
    while True:  # each pass hands the smallest number one step further among those of one target
        spread = np.where(same, labels, len(labels)).min(axis=1, initial=len(labels))
        if (spread == labels).all():
            return [np.flatnonzero(labels == label).tolist() for label in np.unique(labels)]
        labels = spread


def _sides(low_folder: Path, normal_folder: Path) -> tuple[list[Path], list[Path]]:
    """The files of both sides; of one folder for both, by their names."""
    if low_folder.is_dir() and _has_scenes(low_folder, normal_folder):
        scenes = [folder for folder in low_folder.iterdir() if _is_scene(folder, normal_folder)]
        ordered = sorted(scenes, key=lambda folder: natural_key(folder.name))
        return [file for folder in ordered for file in list_images(folder)], list_images(normal_folder)
    low, normal = list_images(low_folder), list_images(normal_folder)
    if low != normal:
        return low, normal
    unclear = [str(file) for file in low if side_of(file) is None]
    if unclear:
        raise DRBNError(f"{named(unclear)}: the name says neither low nor high; rename it, or give two folders.")
    return [file for file in low if side_of(file) == "low"], [file for file in low if side_of(file) == "normal"]


def side_of(file: Path) -> str | None:
    """`low` or `normal`, where a file's name begins or ends with a word for it.

    Example:
        >>> [side_of(Path(name)) for name in ("1_low.jpg", "1-GT.png", "normal7.png", "7.png")]
        ['low', 'normal', 'normal', None]
    """
    stem = file.stem.lower()
    word = _BEFORE.match(stem) or _AFTER.search(stem)
    return None if word is None else "low" if word[1] in LOW_WORDS else "normal"


def _has_scenes(low_folder: Path, normal_folder: Path) -> bool:
    """Whether a folder has no images of its own, but subfolders."""
    entries = list(low_folder.iterdir())
    own = any(entry.suffix.lower() in IMAGE_SUFFIXES and entry.is_file() for entry in entries)
    return not own and any(_is_scene(entry, normal_folder) for entry in entries)


def _is_scene(folder: Path, normal_folder: Path) -> bool:
    same = normal_folder.exists() and folder.samefile(normal_folder)
    return folder.is_dir() and not folder.name.startswith(".") and not same


def _exposures(folder: Path, files: Sequence[Path]) -> dict[str, dict[str, Path]]:
    """By the key of the target, the names of one or several exposures and their files."""
    exposures = dict[str, dict[str, Path]]()
    for file in files:
        key, name = pair_key(file), image_key(file)
        if file.parent != folder:
            key, name = pair_key(file.parent), f"{pair_key(file.parent)}_{file.stem.lower()}"
        other = exposures.setdefault(key, {}).setdefault(name, file)
        if other is not file:
            raise DRBNError(f"{other.name} and {file.name} in {folder} count as one image; rename or remove one.")
    return exposures


def _by_key(folder: Path, files: Sequence[Path]) -> dict[str, Path]:
    """Name every target of a folder."""
    by_key: dict[str, Path] = {}
    for file in files:
        other = by_key.setdefault(pair_key(file), file)
        if other is not file:
            raise DRBNError(f"{other.name} and {file.name} in {folder} count as one image; rename or remove one.")
    return by_key


def _require_partners(files: Mapping[str, Any], partners: Mapping[str, Any], looked_in: Path) -> None:
    """Raise if a file's name is not among the partners."""
    alone = [_shown(file) for name, file in files.items() if name not in partners]
    if alone:
        raise DRBNError(f"No partner in {looked_in} for {named(alone)}; add it or remove the file.")


def _shown(file: Path | dict[str, Path]) -> str:
    return str(next(iter(file.values())) if isinstance(file, dict) else file)
