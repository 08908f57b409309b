from pathlib import Path

import pytest

from drbn_lightning.data.unpaired.ava import AVADataModule
from drbn_lightning.errors import DRBNError
from tests.data.unpaired.photo_tables import module


def test_scores_of_few_votes_do_not_count(ava: Path) -> None:
    with pytest.raises(DRBNError, match=r"AVA\.txt .*unpaired\.min_votes=101 "):
        module(ava, min_votes=101).prepare_data()


@pytest.mark.reference
def test_the_part_of_ava_that_is_here_without_photos(reference: Path, tmp_path: Path) -> None:
    table = reference / "data" / "ava" / "AVA.txt"
    data = AVADataModule(str(tmp_path), str(table), cache=str(tmp_path / "cache"))
    with pytest.raises(DRBNError, match=r"5420 .*AVA\.txt.*\d+\.jpg"):
        data.prepare_data()
