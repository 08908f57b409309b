from pathlib import Path

import pytest

from drbn_lightning.data.unpaired.folders import FoldersDataModule
from drbn_lightning.data.unpaired.splits import HIGH, LOW
from drbn_lightning.errors import DRBNError
from tests.data.samples import opened
from tests.data.unpaired.photo_tables import write_photos

GOOD, BAD = [f"good{number}.png" for number in range(12)], [f"bad{number}.jpg" for number in range(10)]


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Two folders of photos."""
    write_photos(tmp_path / "good", GOOD)
    write_photos(tmp_path / "bad", BAD)
    return tmp_path


def module(root: Path, low: bool = True) -> FoldersDataModule:
    data = FoldersDataModule(
        str(root / "good"),
        str(root / "bad") if low else None,
        cache=str(root / "cache"),
        validation_share=0.2,
        test_share=0.1,
        short_side=20,
        crop_size=16,
        num_workers=0,
    )
    return opened(data)


def test_the_folder_says_what_people_think(folders: Path) -> None:
    data = module(folders)
    assert [fingerprint.name for fingerprint in data.trained_on()] == ["folder/high", "folder/low", "folder/validation"]
    assert [fingerprint.count for fingerprint in data.trained_on()] == [9, 7, 4]
    batches = list(data.val_dataloader())
    assert [batch.kind[0] for batch in batches] == [HIGH, LOW] * 2
    assert all(batch.mos.isnan().all() for batch in batches)
    assert all(batch.name[0] in (GOOD if batch.kind[0] == HIGH else BAD) for batch in batches)
    assert data.tested_on().count == 2
    assert f"12 photos in {folders / 'good'}, 10 in {folders / 'bad'}, 0 corrupt; training: 9 high" in data.describe()


def test_bad_photos_may_be_missing(folders: Path) -> None:
    data = module(folders, low=False)
    assert data.train_set is not None
    assert data.train_set[0, 0].low_mos is None
    assert [fingerprint.name for fingerprint in data.trained_on()] == ["folder/high", "folder/validation"]


@pytest.mark.parametrize("high", [None, ""])
def test_a_folder_that_is_not_set(high: str | None) -> None:
    with pytest.raises(DRBNError, match=r"unpaired\.high.*unpaired\.high=PATH"):
        FoldersDataModule(high, cache="cache")


def test_one_folder_cannot_be_both(folders: Path) -> None:
    good = str(folders / "good")
    with pytest.raises(DRBNError, match=r"unpaired\.high and unpaired\.low .*good"):
        FoldersDataModule(good, str(folders / "bad" / ".." / "good"), cache="cache")
