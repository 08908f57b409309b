"""Any two folders of images that pair by name, as a LightningDataModule."""

from pathlib import Path
from typing import Unpack

from drbn_lightning.data.paired.matching import LOW_WORDS, NORMAL_WORDS, PairPaths, pair_by_name, side_of
from drbn_lightning.data.paired.stored import CachedPairs, CachedPairsDataModule, PairOptions, Split
from drbn_lightning.errors import KEY, OptionError

LOW, NORMAL = (*LOW_WORDS, "short", "dark"), (*NORMAL_WORDS, "long", "label")
"""What the two folders below a root may be called, whatever the case."""


class PairedFoldersDataModule(CachedPairsDataModule):
    """Low-light images in one folder, their targets in another; two more folders may hold the test pairs."""

    def __init__(
        self,
        root: str | None = None,
        low: str | None = None,
        normal: str | None = None,
        test_low: str | None = None,
        test_normal: str | None = None,
        **options: Unpack[PairOptions],
    ) -> None:
        """Set up the data module; nothing is read before `prepare_data`.

        Args:
            root: a folder that holds both folders, `low` and `normal` (or `high`), instead of naming each; or the
                images themselves, `1_low.jpg` and `1_high.jpg`.
            low: folder of the low-light images, or of a subfolder for each target with several exposures.
            normal: folder of their targets, of the same names; suffixes may differ; see `pair_by_name`.
            test_low: folder of the low-light images of other pairs, for testing. Without it `evaluate` uses all
                pairs of `low` and `normal`, and training tests on nothing.
            test_normal: folder of the targets of those.
            options: see `CachedPairsDataModule`.

        Raises:
            DRBNError: a folder is not set, or see `CachedPairsDataModule`.
        """
        super().__init__(**options)
        self.root = Path(root) if root else None
        self.folders = _both("low", low, "normal", normal)
        self.test_folders = _both("test_low", test_low, "test_normal", test_normal)
        self.has_test_set = self.test_folders is not None
        if self.folders is None and self.root is None:
            raise OptionError(
                f"{KEY}.low is not set: say where the images lie, {KEY}.low=PATH {KEY}.normal=PATH, or "
                f"{KEY}.root=PATH of a folder that holds both"
            )
        self.title = (self.root or Path(str(low))).name or "pairs"

    def find(self, split: Split) -> list[PairPaths]:
        """Pairs of the folders by name.

        Raises:
            DRBNError: see `pair_by_name`; or a folder is not below the root.
        """
        if split == "test" and self.test_folders is not None:
            return pair_by_name(*self.test_folders)
        if self.folders is not None:
            return pair_by_name(*self.folders)
        assert self.root is not None
        if _holds_pairs(self.root):
            return pair_by_name(self.root, self.root)
        return pair_by_name(_below(self.root, LOW), _below(self.root, NORMAL))

    def check_overlap(self, train: CachedPairs) -> None:
        """Compare the training images with the test images, where there are other ones for testing."""
        if self.test_folders is not None:
            super().check_overlap(train)


def _both(low_key: str, low: str | None, normal_key: str, normal: str | None) -> tuple[Path, Path] | None:
    """Two folders, or none."""
    if not low and not normal:
        return None
    for key, folder, other in ((low_key, low, normal_key), (normal_key, normal, low_key)):
        if not folder:
            raise OptionError(f"{KEY}.{key} is not set, but {KEY}.{other} is: give both folders")
    assert low is not None
    assert normal is not None
    return Path(low), Path(normal)


def _holds_pairs(root: Path) -> bool:
    """Whether a folder holds images whose names tell low-light ones from targets, and no folders for them."""
    if not root.is_dir():
        return False
    names = {entry.name.lower() for entry in root.iterdir() if entry.is_dir()}
    sides = {side_of(entry) for entry in root.iterdir() if entry.is_file()}
    return {"low", "normal"} <= sides and not names & {*LOW, *NORMAL}


def _below(root: Path, names: tuple[str, ...]) -> Path:
    """The folder of one of these names."""
    if not root.is_dir():
        raise OptionError(f"{KEY}.root={root} is not a folder; set it to the folder that holds {names[0]}")
    folders = [folder for folder in sorted(root.iterdir()) if folder.is_dir() and folder.name.lower() in names]
    if len(folders) != 1:
        what = f"{folders[0].name} and {folders[1].name}" if folders else f"none of {', '.join(names)}"
        raise OptionError(f"{KEY}.root={root} holds {what}; name the folders by {KEY}.low=PATH {KEY}.normal=PATH")
    return folders[0]
