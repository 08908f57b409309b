import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from drbn_lightning.data.datamodule import TEST, TRAINING, VALIDATION
from drbn_lightning.data.unpaired.ava import AVADataModule
from drbn_lightning.data.unpaired.splits import HIGH, LOW, roles
from drbn_lightning.errors import DRBNError
from tests.data.unpaired.photo_tables import SCORES, module, names, ready, write_ava, write_photos


@pytest.mark.filterwarnings("error")
def test_photos_are_chosen_by_score_and_held_out_of_all_kinds(ava: Path) -> None:
    data = ready(module(ava))
    sets = [names(data, role) for role in (TRAINING, VALIDATION, TEST)]
    assert set(sets[0].values()) == {HIGH, LOW}
    assert all({"high", "low", "middle"} == set(found.values()) for found in sets[1:])
    assert len(set().union(*sets)) == sum(map(len, sets))
    for name, kind in [item for found in sets for item in found.items()]:
        score = SCORES[int(name.removesuffix(".jpg"))]
        assert kind == ("high" if score >= 8 else "low" if score <= 3 else "middle")
    batch = next(iter(data.train_dataloader()))
    assert tuple(batch.high_mos.shape) == tuple(batch.low_mos.shape) == (4, 3, 16, 16)
    assert (batch.real_low, batch.real_low_thumbnail) == (None, None)
    assert all(score >= 8 for score in batch.high_score)
    assert all(score <= 3 for score in batch.low_score)
    assert len(data.train_dataloader()) == 3
    for batch in data.test_dataloader():
        assert min(batch.photo.shape[-2:]) == 20
        assert batch.mos.item() == SCORES[int(batch.name[0].removesuffix(".jpg"))]


def test_numbers_of_held_out_photos_are_limits(ava: Path) -> None:
    data = ready(module(ava, validation_photos=6, test_photos=0))
    assert sorted(names(data, VALIDATION).values()) == ["high", "high", "low", "low", "middle", "middle"]
    assert len(data.test_dataloader()) == 0
    assert names(data, TRAINING) == names(ready(module(ava)), TRAINING)
    none = ready(module(ava, test_share=0))
    assert names(none, TEST) == {}


def test_neither_thresholds_nor_missing_files_move_photos_out_of_the_held_out_sets(ava: Path, tmp_path: Path) -> None:
    every = [f"{image}.jpg" for image in SCORES]
    dealt = dict(zip(every, roles(every, 0.2, 0.2).tolist(), strict=True))
    some = tmp_path / "AVA"
    write_ava(some / "AVA.txt", SCORES)
    write_photos(some, [f"{image}.jpg" for image in SCORES if image % 3])
    with pytest.warns(UserWarning, match=r"AVA\.txt .*AVA: "):
        incomplete = ready(module(some))
    for data in (ready(module(ava, high_mos=5, low_mos=4.5)), incomplete, ready(module(ava, seed=3))):
        for role in (TRAINING, VALIDATION, TEST):
            photos = names(data, role)
            assert len(photos) > 10
            assert {dealt[name] for name in photos} == {role}
    assert set(names(incomplete, TRAINING)) < set(names(ready(module(ava)), TRAINING))


def test_parts_share_no_photo(ava: Path) -> None:
    whole, halves = ready(module(ava)), [ready(module(ava, part=part, parts=2)) for part in range(2)]
    for role in (TRAINING, VALIDATION, TEST):
        first, second = (set(names(half, role)) for half in halves)
        assert first
        assert not first & second
        assert first | second == set(names(whole, role))


def test_says_what_it_found(ava: Path, tmp_path: Path) -> None:
    some = tmp_path / "AVA"
    write_ava(some / "AVA.txt", SCORES)
    write_photos(some, [f"{image}.jpg" for image in SCORES if image != 6])
    with pytest.warns(UserWarning, match=r"1 of the 80 .*: 6\.jpg"):
        text = ready(module(some, low_mos=3)).describe()
    assert text.startswith("12 unpaired samples for training, ")
    counts = "AVA.txt: 160 rows, 160 with enough votes, 40 high, 40 low, 79 of these present, 1 missing, 0 corrupt"
    assert counts in text
    assert text.count("middle") == 2
    assert "training: " in text


def test_without_a_low_threshold_there_are_no_low_photos(ava: Path) -> None:
    data = ready(module(ava, low_mos=None))
    assert set(names(data, TRAINING).values()) == {HIGH}
    assert data.train_set[0, 0].low_mos is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"votes": None}, r"unpaired\.votes.*unpaired\.votes=FILE"),
        ({"crop_size": 21}, r"unpaired\.crop_size=21.*unpaired\.short_side=20"),
        ({"high_mos": 9.5}, r"unpaired\.high_mos=9\.5.*9\.00"),
        ({"high_mos": 3}, r"unpaired\.low_mos=3.*unpaired\.high_mos=3"),
        ({"votes": "nowhere.txt"}, r"nowhere\.txt"),
        ({"validation_share": 1}, r"unpaired\.validation_share=1.*unpaired\.test_share=0\.2"),
    ],
)
def test_wrong_settings(ava: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DRBNError, match=message):
        module(ava, **changes).prepare_data()


def test_a_root_without_photos(ava: Path, tmp_path: Path) -> None:
    with pytest.raises(DRBNError, match=r"unpaired\.root.*unpaired\.root=PATH"):
        AVADataModule(None, "None/AVA.txt", cache="cache")
    data = AVADataModule(str(tmp_path), str(ava / "AVA.txt"), 8, 3, cache=str(tmp_path / "cache"))
    message = r"unpaired\.root=.* 80 .*AVA\.txt.*0\.jpg"
    with pytest.raises(DRBNError, match=message):
        data.prepare_data()


def test_a_kind_of_which_nothing_is_left_to_train_on(ava: Path, tmp_path: Path) -> None:
    write_photos(tmp_path, [name for name, kind in names(ready(module(ava)), TRAINING).items() if kind == HIGH])
    data = module(ava, max_missing=1.0)
    data.root = tmp_path
    with pytest.warns(UserWarning, match=r"AVA\.txt "), pytest.raises(DRBNError, match=r"unpaired\.validation_share"):
        ready(data)


def test_a_sample_follows_from_seed_epoch_and_index(ava: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first, second = ready(module(ava)), ready(module(ava))
    assert torch.equal(first.train_set[2, 3].high_mos, second.train_set[2, 3].high_mos)
    assert not torch.equal(first.train_set[2, 3].high_mos, ready(module(ava, seed=1)).train_set[2, 3].high_mos)
