"""AVA: photos that many people gave scores."""

from typing import Unpack

from drbn_lightning.data.unpaired.ratings import Ratings, read_ava
from drbn_lightning.data.unpaired.stored import PhotoOptions
from drbn_lightning.data.unpaired.table import RatedDataModule


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
