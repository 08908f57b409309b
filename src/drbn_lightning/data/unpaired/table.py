"""Photos beside a table of mean opinion scores, of which some are high-MOS and some low-MOS: AVA and CSV tables."""

from abc import abstractmethod
from pathlib import Path
from typing import Unpack

import numpy as np

from drbn_lightning.data.datamodule import TRAINING
from drbn_lightning.data.unpaired.files import PhotoFile, find, missing
from drbn_lightning.data.unpaired.ratings import Ratings
from drbn_lightning.data.unpaired.splits import HIGH, LOW, MIDDLE, enough_votes, in_part, rate, roles
from drbn_lightning.data.unpaired.stored import PhotoOptions, Rated, StoredDataModule
from drbn_lightning.errors import DRBNError


class RatedDataModule(StoredDataModule):
    """A folder of photos and a table of what people think of them."""

    folders: tuple[str, ...] = ()
    """Folders below the root that may hold photos too."""

    def __init__(
        self,
        root: str | None,
        table: str | None,
        table_key: str,
        high_mos: float,
        low_mos: float | None,
        min_votes: int,
        max_missing: float,
        **options: Unpack[PhotoOptions],
    ) -> None:
        """Set up the data module; nothing is read before `prepare_data`.

        Args:
            root: folder of photos.
            table: the table.
            table_key: its configuration key.
            high_mos: photos of this mean opinion score and above are high-MOS.
            low_mos: photos of this score and below are low-MOS; None for none.
            min_votes: scores of fewer votes do not count.
            max_missing: share of the photos chosen by score that may be missing on disk.
            options: see `StoredDataModule`.

        Raises:
            DRBNError: `root` or `table` is not set, or an option is out of its range.
        """
        super().__init__(**options)
        if not root:
            raise DRBNError("unpaired.root is not set: say which folder holds the photos, unpaired.root=PATH")
        if not table:
            raise DRBNError(f"{table_key} is not set: say which table holds the scores, {table_key}=FILE")
        self.root, self.table = Path(root), Path(table)
        self.high_mos, self.low_mos, self.min_votes, self.max_missing = high_mos, low_mos, min_votes, max_missing

    @abstractmethod
    def read(self) -> Ratings:
        """Read the table."""

    def rated(self) -> Rated:
        """Find the photos that the table names; those of training are high or low, held-out ones also middle."""
        ratings = self.read()
        kinds = rate(ratings, self.high_mos, self.low_mos, self.min_votes, self.table.name)
        role = roles(ratings.names, self.shares.validation, self.shares.test)
        mine = in_part(ratings.names, self.shares.part, self.shares.parts)
        chosen = mine & ((kinds == HIGH) | (kinds == LOW))
        wanted = [ratings.names[row] for row in np.flatnonzero(chosen)]
        rows = np.flatnonzero(chosen | (mine & (kinds == MIDDLE) & (role != TRAINING))).tolist()
        paths = find(self.root, self.folders, [ratings.names[row] for row in rows])
        absent = missing(self.table, self.root, wanted, paths, self.max_missing)
        photos = [
            PhotoFile(paths[name], str(kinds[row]), float(ratings.mos[row]), int(role[row]), "unpaired.root")
            for row, name in ((row, ratings.names[row]) for row in rows)
            if name in paths
        ]
        counts = [f"{self.table.name}: {len(ratings.names)} rows"]
        counts += [f"{enough_votes(ratings, self.min_votes).sum()} with enough votes"]
        counts += [f"{(mine & (kinds == kind)).sum()} {kind}" for kind in (HIGH, LOW)]
        counts += [f"{len(wanted) - len(absent)} of these present", f"{len(absent)} missing"]
        return Rated(photos, [HIGH] if self.low_mos is None else [HIGH, LOW], ", ".join(counts))
