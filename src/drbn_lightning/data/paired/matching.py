"""Pairs of a low-light image and its normal-light target: found by name, checked, split for validation."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from drbn_lightning.data.cache import ImageCache
from drbn_lightning.data.likeness import alike
from drbn_lightning.errors import DRBNError, named
from drbn_lightning.images.folders import list_images


class PairPaths(NamedTuple):
    """The two files of one pair, and the name they share."""

    name: str
    low: Path
    normal: Path


def pair_key(path: Path) -> str:
    """Give the name by which a file finds its partner: the stem in lower case, without a leading low, normal or high.

    Example:
        >>> [pair_key(Path(name)) for name in ("low00001.png", "Normal00001.AVIF", "high_7.jpg", "low.png")]
        ['00001', '00001', '7', 'low']
    """
    return re.sub(r"^(low|normal|high)[ _.-]*(?=.)", "", path.stem.lower())


def pair_by_name(low_folder: Path, normal_folder: Path) -> list[PairPaths]:
    """Pair the images of two folders by `pair_key`; suffixes may differ (`1.webp` and `1.avif`).

    Returns:
        Pairs in the natural order of the low-light files.

    Raises:
        DRBNError: a folder is missing or empty, two of its files have one name, or a file has no partner.
    """
    low, normal = _by_key(low_folder), _by_key(normal_folder)
    _require_partners(low, normal, normal_folder)
    _require_partners(normal, low, low_folder)
    return [PairPaths(name, file, normal[name]) for name, file in low.items()]


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


def _by_key(folder: Path) -> dict[str, Path]:
    """Name every image of a folder."""
    found: dict[str, Path] = {}
    for file in list_images(folder):
        other = found.setdefault(pair_key(file), file)
        if other is not file:
            raise DRBNError(f"{other.name} and {file.name} in {folder} count as one image; rename or remove one.")
    return found


def _require_partners(files: dict[str, Path], partners: dict[str, Path], looked_in: Path) -> None:
    """Raise if a file's name is not among the partners."""
    alone = [str(file) for name, file in files.items() if name not in partners]
    if alone:
        raise DRBNError(f"No partner in {looked_in} for {named(alone)}; add it or remove the file.")
