"""Any folder of photos beside a CSV table of their scores."""

from typing import Unpack

from drbn_lightning.data.unpaired.ratings import Ratings, read_scores
from drbn_lightning.data.unpaired.stored import PhotoOptions
from drbn_lightning.data.unpaired.table import RatedDataModule


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
