"""LOL-v1, LOL-v2-real and LOL-v2-synthetic as a LightningDataModule."""

from pathlib import Path
from typing import Literal

from drbn_lightning.data.paired.lol_layout import find_pairs
from drbn_lightning.data.paired.matching import PairPaths
from drbn_lightning.data.paired.stored import CachedPairsDataModule, Split
from drbn_lightning.errors import KEY, OptionError


class LOLDataModule(CachedPairsDataModule):
    """The LOL data sets, as their archives unpack; `release` is one of the names in `lol_layout.LAYOUTS`."""

    def __init__(
        self,
        root: str | None,
        release: str,
        cache: str,
        crop_size: int = 64,
        validation_pairs: int = 16,
        validation_crop: int | None = None,
        repeats: int = 1,
        on_overlap: Literal["warn", "error"] = "warn",
        batch_size: int = 4,
        num_workers: int = 2,
        seed: int = 0,
    ) -> None:
        """Set up the data module; nothing is read before `prepare_data`.

        Args:
            root: folder of the unpacked archive.
            release: `v1`, `v2_real`, `v2_syn` or `v2_real_89`.
            cache: see `CachedPairsDataModule`, as all that follow.
            crop_size: see there.
            validation_pairs: see there.
            validation_crop: see there.
            repeats: see there.
            on_overlap: see there.
            batch_size: see there.
            num_workers: see there.
            seed: see there.

        Raises:
            DRBNError: `root` is not set, or see `CachedPairsDataModule`.
        """
        if not root:
            raise OptionError(
                f"{KEY}.root is not set: say where the data set lies, {KEY}.root=PATH (release {release})"
            )
        options = (crop_size, validation_pairs, validation_crop, repeats, on_overlap, batch_size, num_workers, seed)
        super().__init__(cache, *options)
        self.root, self.release, self.title = Path(root), release, release

    def find(self, split: Split) -> list[PairPaths]:
        """Pairs of the release."""
        return find_pairs(self.root, self.release, split)
