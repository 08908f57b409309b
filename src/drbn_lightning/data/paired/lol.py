"""LOL-v1, LOL-v2-real and LOL-v2-synthetic as a LightningDataModule."""

from pathlib import Path
from typing import Unpack

from drbn_lightning.data.paired.lol_layout import find_pairs
from drbn_lightning.data.paired.matching import PairPaths
from drbn_lightning.data.paired.stored import CachedPairsDataModule, PairOptions, Split
from drbn_lightning.errors import KEY, OptionError


class LOLDataModule(CachedPairsDataModule):
    """The LOL data sets, as their archives unpack; `release` is one of the names in `lol_layout.LAYOUTS`."""

    def __init__(
        self,
        root: str | None,
        release: str,
        **options: Unpack[PairOptions],
    ) -> None:
        """Set up the data module; nothing is read before `prepare_data`.

        Args:
            root: folder of the unpacked archive.
            release: `v1`, `v2_real`, `v2_syn` or `v2_real_89`.
            options: see `CachedPairsDataModule`.

        Raises:
            DRBNError: `root` is not set, or see `CachedPairsDataModule`.
        """
        if not root:
            raise OptionError(
                f"{KEY}.root is not set: say where the data set lies, {KEY}.root=PATH (release {release})"
            )
        super().__init__(**options)
        self.root, self.release, self.title = Path(root), release, release

    def find(self, split: Split) -> list[PairPaths]:
        """Pairs of the release."""
        return find_pairs(self.root, self.release, split)
