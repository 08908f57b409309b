"""The LOL data sets: what each release is called, how it lies on disk and how many pairs it has.

LOL-v1 (Wei et al., BMVC 2018) unpacks to `LOLdataset/our485/{low,high}` and `LOLdataset/eval15/{low,high}`; LOL-v2
(Yang et al., TIP 2021) to `LOL-v2/{Real_captured,Synthetic}/{Train,Test}/{Low,Normal}`, where `low00001.png` belongs
to `normal00001.png`. People rename the outer folders and change cases, so both are ignored.
"""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from drbn_lightning.data.paired.matching import PairPaths, pair_by_name
from drbn_lightning.errors import KEY, DRBNError, OptionError

LolSplit = Literal["train", "test"]

FIRST_V2_TEST_NUMBER = 690
"""LOL-v1 pairs of this number and above are test pairs of LOL-v2-real."""

_DEPTH = 2  # folders between the root and a release
_SHOWN = 8  # folders that an error message names


class Folders(NamedTuple):
    """Where the two sides of a split lie, below whatever folder the archive was unpacked to."""

    low: str
    normal: str


class Layout(NamedTuple):
    """One release: its folders in every spelling that is about, and the number of pairs of each split."""

    title: str
    train: tuple[Folders, ...]
    test: tuple[Folders, ...]
    train_count: int
    test_count: int


_V1_TRAIN = (Folders("our485/low", "our485/high"), Folders("LOLv1/Train/input", "LOLv1/Train/target"))
_V1_TEST = (Folders("eval15/low", "eval15/high"), Folders("LOLv1/Test/input", "LOLv1/Test/target"))

LAYOUTS = {
    "v1": Layout("LOL-v1", _V1_TRAIN, _V1_TEST, 485, 15),
    "v2_real": Layout(
        "LOL-v2-real",
        (Folders("Real_captured/Train/Low", "Real_captured/Train/Normal"),),
        (Folders("Real_captured/Test/Low", "Real_captured/Test/Normal"),),
        689,
        100,
    ),
    "v2_syn": Layout(
        "LOL-v2-synthetic",
        (Folders("Synthetic/Train/Low", "Synthetic/Train/Normal"),),
        (Folders("Synthetic/Test/Low", "Synthetic/Test/Normal"),),
        900,
        100,
    ),
    # The 89 test pairs of LOL-v2-real that LOL-v1 holds, and what of our485 is clean for them and for eval15.
    "v2_real_89": Layout("LOL-v2-real's 89 test pairs in LOL-v1", _V1_TRAIN, _V1_TEST, 399, 89),
}


def find_pairs(root: Path, release: str, split: LolSplit) -> list[PairPaths]:
    """Find one split of a release.

    Args:
        root: the unpacked archive, its parent or grandparent, or the release's own folder (`Real_captured`); the case
            of names does not matter.
        release: a key of `LAYOUTS`.
        split: `train` or `test`.

    Returns:
        Pairs in natural order. Their number is a warning, not an error, where it is not the release's.

    Raises:
        DRBNError: the release is unknown, is not below `root`, lies there twice, or its files do not pair.
    """
    if release not in LAYOUTS:
        raise DRBNError(f"No release of LOL is called {release!r}; choose one of {', '.join(LAYOUTS)}.")
    pairs = _find_89(root, split) if release == "v2_real_89" else _find(root, release, split)
    layout = LAYOUTS[release]
    expected = layout.train_count if split == "train" else layout.test_count
    if len(pairs) != expected:
        summary = f"{len(pairs)} {split} pairs of {layout.title} below {root}"
        warnings.warn(f"Found {summary}; the release has {expected}: results will not compare.", stacklevel=2)
    return pairs


def _find_89(root: Path, split: LolSplit) -> list[PairPaths]:
    """Make the split from LOL-v1: train on our485 below 690, test on our485 and eval15 from 690."""
    train = _find(root, "v1", "train")
    if split == "train":
        return [pair for pair in train if _number(pair) < FIRST_V2_TEST_NUMBER]
    test = [pair for pair in train + _find(root, "v1", "test") if _number(pair) >= FIRST_V2_TEST_NUMBER]
    return sorted(test, key=_number)


def _number(pair: PairPaths) -> int:
    """Read LOL's number of a pair."""
    if not pair.name.isdecimal():
        raise DRBNError(f"{pair.low} has no LOL number for a name, which release v2_real_89 needs; use release v1.")
    return int(pair.name)


def _find(root: Path, release: str, split: LolSplit) -> list[PairPaths]:
    """Pair the folders of a split wherever they are below the root."""
    if not root.is_dir():
        raise OptionError(f"{KEY}.root={root} is not a folder; set it to the folder that LOL was unpacked to.")
    folders = _locate(root, release, split)
    if not folders:
        raise OptionError(_not_found(root, release, split))
    if len(folders) > 1:
        places = " and ".join(str(low) for low, _ in folders)
        raise OptionError(
            f"{KEY}.root={root} holds {LAYOUTS[release].title} more than once ({places}); name one of them."
        )
    return pair_by_name(*folders[0])


def _locate(root: Path, release: str, split: LolSplit) -> list[tuple[Path, Path]]:
    """Find the pairs of folders that are nearest to the root: none, one or, at one depth, several."""
    spellings = LAYOUTS[release].train if split == "train" else LAYOUTS[release].test
    for starts in _levels(root, release):
        candidates = [(_below(at, names.low), _below(at, names.normal)) for at in starts for names in spellings]
        complete = [(low, normal) for low, normal in candidates if low and normal]
        if complete:
            return complete
    return []


def _levels(root: Path, release: str) -> Iterator[list[Path]]:
    """Give the folders to start from: the parent if the root is a release's own folder, then level by level down."""
    layout = LAYOUTS[release]
    own = {names.low.split("/", 1)[0].lower() for names in layout.train + layout.test}
    absolute = root.absolute()
    if absolute.name.lower() in own:
        yield [absolute.parent]
    level = [root]
    for _ in range(_DEPTH + 1):
        yield level
        level = [folder for parent in level for folder in _subfolders(parent)]


def _below(start: Path, names: str) -> Path | None:
    """Go down `names` (`a/b/c`) whatever the case; None where a folder is missing."""
    at: Path | None = start
    for name in names.split("/"):
        at = next((folder for folder in _subfolders(at) if folder.name.lower() == name.lower()), None) if at else None
    return at


def _subfolders(folder: Path) -> list[Path]:
    """List the visible folders of a folder by name; none where it cannot be read."""
    try:
        return sorted(at for at in folder.iterdir() if not at.name.startswith((".", "__MACOSX")) and at.is_dir())
    except OSError:
        return []


def _not_found(root: Path, release: str, split: LolSplit) -> str:
    """Say what was looked for and what is there otherwise."""
    layout = LAYOUTS[release]
    names = (layout.train if split == "train" else layout.test)[0]
    others = [other for other in LAYOUTS if other != release and _locate(root, other, split)]
    folders = [folder.name for folder in _subfolders(root)[:_SHOWN]]
    there = f"the release {' and '.join(others)}" if others else f"the folders {', '.join(folders) or '(none)'}"
    looked = f"looked for {names.low} and {names.normal}, down to {_DEPTH} folders deeper"
    return (
        f"No {layout.title} below {KEY}.root={root}: {looked}; found {there}. Set {KEY}.root to the unpacked archive."
    )
