"""Photos that people gave scores: AVA, or any folder of photos beside a table."""

from abc import abstractmethod
from pathlib import Path
from typing import Unpack

import numpy as np

from drbn_lightning.data.datamodule import TRAINING
from drbn_lightning.data.unpaired.files import PhotoFile, find, missing
from drbn_lightning.data.unpaired.ratings import Ratings, read_ava, read_scores
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
        found = find(self.root, self.folders, [ratings.names[row] for row in rows])
        absent = missing(self.table, self.root, wanted, found, self.max_missing)
        photos = [
            PhotoFile(found[name], str(kinds[row]), float(ratings.mos[row]), int(role[row]), "unpaired.root")
            for row, name in ((row, ratings.names[row]) for row in rows)
            if name in found
        ]
        counts = [f"{self.table.name}: {len(ratings.names)} rows"]
        counts += [f"{enough_votes(ratings, self.min_votes).sum()} with enough votes"]
        counts += [f"{(mine & (kinds == kind)).sum()} {kind}" for kind in (HIGH, LOW)]
        counts += [f"{len(wanted) - len(absent)} of these present", f"{len(absent)} missing"]
        return Rated(photos, [HIGH] if self.low_mos is None else [HIGH, LOW], ", ".join(counts))


class AVADataModule(RatedDataModule):
    """AVA (Murray, Marchesotti and Perronnin, CVPR 2012): as many of its photos as there are."""

    source = "ava"
    folders = ("images", "images/images")

    def __init__(
        self,
        root: str | None,
        votes: str | None,
        high_mos: float = 6.5,
        low_mos: float | None = 4.0,
        min_votes: int = 50,
        max_missing: float = 1.0,
        **options: Unpack[PhotoOptions],
    ) -> None:
        """Set up the data module; `votes` is AVA.txt, for the rest see `RatedDataModule`.

        A single vote of AVA has a standard deviation of 1.44, so 50 of them leave the score uncertain by 0.2. AVA's own
        photos have 78 votes and more.
        """
        super().__init__(root, votes, "unpaired.votes", high_mos, low_mos, min_votes, max_missing, **options)

    def read(self) -> Ratings:
        """Read AVA.txt."""
        return read_ava(self.table)


class CSVDataModule(RatedDataModule):
    """Any folder of photos beside a table of file names and scores."""

    source = "csv"

    def __init__(
        self,
        root: str | None,
        table: str | None,
        name_column: str | None = None,
        score_column: str | None = None,
        high_mos: float = 6.5,
        low_mos: float | None = 4.0,
        max_missing: float = 1.0,
        **options: Unpack[PhotoOptions],
    ) -> None:
        """Set up the data module; for the columns see `read_scores`, for the rest `RatedDataModule`."""
        super().__init__(root, table, "unpaired.table", high_mos, low_mos, 0, max_missing, **options)
        self.name_column, self.score_column = name_column, score_column

    def read(self) -> Ratings:
        """Read the table."""
        return read_scores(self.table, self.name_column, self.score_column)
