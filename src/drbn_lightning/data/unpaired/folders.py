"""Folders of photos that somebody has sorted: good ones, and perhaps bad ones."""

from pathlib import Path
from typing import Unpack

from drbn_lightning.data.unpaired.files import in_folder
from drbn_lightning.data.unpaired.splits import HIGH, LOW
from drbn_lightning.data.unpaired.stored import PhotoOptions, Rated, StoredDataModule
from drbn_lightning.errors import DRBNError


class FoldersDataModule(StoredDataModule):
    """All photos of one folder count as high-MOS, all of another as low-MOS; nobody gave them scores."""

    source = "folder"

    def __init__(self, high: str | None, low: str | None = None, **options: Unpack[PhotoOptions]) -> None:
        """Set up the data module; nothing is read before `prepare_data`.

        Args:
            high: folder of photos that people like.
            low: folder of photos that people dislike; None for none. It may be that of `real_low`.
            options: see `StoredDataModule`.

        Raises:
            DRBNError: `high` is not set or the folder of `low`, or an option is out of its range.
        """
        super().__init__(**options)
        if not high:
            raise DRBNError("unpaired.high is not set: say which folder holds good photos, unpaired.high=PATH")
        self.high, self.low = Path(high), Path(low) if low else None
        if self.low is not None and self.low.resolve() == self.high.resolve():
            raise DRBNError(f"unpaired.high and unpaired.low are both {high}; give two folders, or unpaired.low=null")

    def rated(self) -> Rated:
        """Find the photos of both folders."""
        photos = in_folder(self.high, HIGH, self.shares, "unpaired.high")
        report = f"{len(photos)} photos in {self.high}"
        if self.low is None:
            return Rated(photos, [HIGH], report)
        more = in_folder(self.low, LOW, self.shares, "unpaired.low")
        return Rated(photos + more, [HIGH, LOW], f"{report}, {len(more)} in {self.low}")
