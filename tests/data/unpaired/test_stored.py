import shutil
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from drbn_lightning.data.cache import ImageCache
from drbn_lightning.data.datamodule import TEST, TRAINING, VALIDATION
from drbn_lightning.data.fingerprints import overlap
from drbn_lightning.data.sampling import EpochBatches
from drbn_lightning.data.unpaired.folders import FoldersDataModule
from drbn_lightning.data.unpaired.samples import StoredPhotos, StoredSamples
from drbn_lightning.data.unpaired.splits import HIGH, LOW, REAL_LOW
from drbn_lightning.errors import DRBNError
from drbn_lightning.images.folders import list_images
from tests.data.samples import opened
from tests.data.unpaired.photo_tables import pixels, write_photo, write_photos

GOOD, DARK = [f"good{number}.png" for number in range(20)], [f"dark{number}.png" for number in range(20)]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of good and one of dark photos."""
    root = tmp_path_factory.mktemp("photos")
    write_photos(root / "good", GOOD)
    write_photos(root / "dark", DARK)
    return root


@pytest.fixture
def degraded(clean: Path, tmp_path: Path) -> Path:
    """The same, to be degraded."""
    return Path(shutil.copytree(clean, tmp_path / "photos", ignore=shutil.ignore_patterns("cache")))


def module(root: Path, **changes: Any) -> FoldersDataModule:  # noqa: ANN401 any setting
    settings: dict[str, Any] = {"high": str(root / "good"), "real_low": str(root / "dark")}
    settings |= {"cache": str(root / "cache"), "validation_share": 0.2, "test_share": 0.2, "num_workers": 0}
    return FoldersDataModule(**(settings | {"short_side": 20, "crop_size": 16, "length": 10} | changes))


def names(data: FoldersDataModule, role: int, *kinds: str) -> set[str]:
    found = {TRAINING: data.train_set, VALIDATION: data.validation_set, TEST: data.test_set}[role]
    assert isinstance(found, StoredSamples | StoredPhotos)
    return {photo.path.name for photo in found.photos if photo.kind in (kinds or (HIGH, LOW, REAL_LOW))}


def test_each_set_of_photos_is_opened_once(clean: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths_opened, open_cache = list[tuple[Path, ...]](), ImageCache.open

    def counted(folder: Path, paths: Sequence[Path], *options: int | None, **more: bool) -> ImageCache:
        paths_opened.append(tuple(paths))
        return open_cache(folder, paths, *options, **more)  # type: ignore[arg-type]  # of several types

    monkeypatch.setattr(ImageCache, "open", counted)
    opened(module(clean)).prepare_data()
    assert len(paths_opened) == len(set(paths_opened)) == 2  # what is tested on, and the rest


def test_low_light_photos_are_held_out_by_shares_of_their_own(clean: Path) -> None:
    data = opened(module(clean, real_low_validation_share=0.1, real_low_test_share=0.3))
    assert [len(names(data, role, REAL_LOW)) for role in (TRAINING, VALIDATION, TEST)] == [12, 2, 6]
    assert [len(names(data, role, HIGH)) for role in (TRAINING, VALIDATION, TEST)] == [12, 4, 4]
    assert set.union(*(names(data, role) for role in (TRAINING, VALIDATION, TEST))) == {*GOOD, *DARK}
    turns = [batch.kind[0] for batch in data.val_dataloader()]
    assert sorted(turns[:2]) == sorted(turns[2:4]) == [HIGH, REAL_LOW]
    assert turns[4:] == [HIGH] * 2
    assert data.has_real_low
    nothing = opened(module(clean, real_low_test_share=0, test_share=0))
    assert len(nothing.test_dataloader()) == 0
    assert nothing.tested_on().count == 0


def test_without_low_light_photos_there_are_none(clean: Path) -> None:
    data = opened(module(clean, real_low=None))
    assert data.train_set is not None
    sample = data.train_set[0, 0]
    assert (sample.real_low, sample.real_low_thumbnail, data.has_real_low) == (None, None, False)
    assert {batch.kind[0] for batch in chain(data.val_dataloader(), data.test_dataloader())} == {HIGH}


def test_parts_share_no_low_light_photo(clean: Path) -> None:
    halves = [opened(module(clean, part=part, parts=2)) for part in range(2)]
    everything = [set.union(*(names(half, role) for role in (TRAINING, VALIDATION, TEST))) for half in halves]
    assert not everything[0] & everything[1]
    assert len(everything[0] & set(DARK)) == 10
    assert everything[0] | everything[1] == {*GOOD, *DARK}


@pytest.mark.parametrize("shares", [(0.2, 0.2), (0.4, 0.1)])
def test_one_folder_may_be_low_and_real_low(clean: Path, shares: tuple[float, float]) -> None:
    both = {"low": str(clean / "dark"), "real_low_validation_share": shares[0], "real_low_test_share": shares[1]}
    data = opened(module(clean, **both))
    training, validation, test = (names(data, role, LOW, REAL_LOW) for role in (TRAINING, VALIDATION, TEST))
    assert not training & validation
    assert not training & test
    assert not validation & test
    assert len(validation) == 20 * max(shares[0], 0.2)
    if shares == (0.2, 0.2):
        assert names(data, TRAINING, LOW) == names(data, TRAINING, REAL_LOW)


def test_a_copy_of_a_held_out_photo_is_not_trained_on(degraded: Path) -> None:
    data = opened(module(degraded))
    held_out, tested = sorted(names(data, VALIDATION, HIGH))[0], sorted(names(data, TEST, HIGH))[0]
    for name in (held_out, tested):
        shutil.copy(degraded / "good" / name, degraded / "dark" / f"copy_of_{name}")
    copies = opened(module(degraded, real_low_validation_share=0, real_low_test_share=0))
    assert names(copies, TRAINING, REAL_LOW) == set(DARK)
    assert held_out in names(copies, VALIDATION, HIGH)


def test_a_re_encoded_copy_of_a_held_out_photo_is_not_trained_on(degraded: Path) -> None:
    before = opened(module(degraded))
    held_out = [min(names(before, role, HIGH)) for role in (VALIDATION, TEST)]
    trained = names(before, TRAINING, HIGH)
    for number, name in enumerate(sorted(trained)[:2]):
        source = Image.open(degraded / "good" / held_out[number]).convert("RGB")
        source.save(degraded / "good" / name, "JPEG", quality=95, subsampling=0)
    after = names(opened(module(degraded)), TRAINING, HIGH)
    assert trained - after == set(sorted(trained)[:2])
    assert after < trained


def test_a_few_corrupt_photos_are_left_out_and_named(degraded: Path) -> None:
    bad = degraded / "good" / sorted(names(opened(module(degraded)), TRAINING, HIGH))[0]
    bad.write_bytes(b"nothing")
    with pytest.warns(UserWarning, match=rf"1 of \d+ .*{bad.name}"):
        data = opened(module(degraded))
    assert bad.name not in names(data, TRAINING)
    assert len(names(data, TRAINING, HIGH)) == 11
    assert "1 corrupt" in data.describe()
    with pytest.raises(DRBNError, match=rf"{bad.name} .*unpaired\.max_corrupt, now 0"):
        opened(module(degraded, max_corrupt=0))


def test_crops_need_room_where_photos_stay_as_they_are(clean: Path) -> None:
    whole = opened(module(clean, short_side=None))
    sizes = {tuple(batch.photo.shape[-2:]) for batch in whole.val_dataloader()}
    assert sizes <= {(24, 30), (36, 28), (30, 30), (40, 25)}
    with pytest.raises(DRBNError, match=r"\.png .*\d+x\d+ .*unpaired\.crop_size=29"):
        opened(module(clean, short_side=None, crop_size=29))


def test_the_thumbnail_is_of_the_whole_photo(clean: Path) -> None:
    data = opened(module(clean))
    for batch in data.val_dataloader():
        assert min(batch.photo.shape[-2:]) == 20
        whole = pixels(batch.name[0])
        assert batch.thumbnail.mean().item() == pytest.approx(whole.mean() / 255, rel=2e-2)


def test_two_processes_share_an_epoch(clean: Path) -> None:
    train = opened(module(clean)).train_set
    assert train is not None
    shares = [[at for step in EpochBatches(len(train), 4, 0, rank, 2) for at in step] for rank in range(2)]
    assert not set(shares[0]) & set(shares[1])
    assert sorted(shares[0] + shares[1]) == [(0, index) for index in range(10)]


def test_workers_give_what_the_main_process_gives(clean: Path) -> None:
    alone, helped = opened(module(clean)), opened(module(clean, num_workers=2))
    batches: list[list[Any]] = [list(data.train_dataloader()) for data in (alone, helped)]
    for one, other in zip(*batches, strict=True):
        assert torch.equal(one.high_mos, other.high_mos)
        assert torch.equal(one.real_low, other.real_low)


def test_fingerprints_tell_what_was_trained_on(clean: Path) -> None:
    data = opened(module(clean))
    trained, tested = data.trained_on(), data.tested_on()
    assert [(found.name, found.count) for found in trained] == [
        ("folder/high", 12),
        ("folder/real_low", 12),
        ("folder/validation", 8),
    ]
    assert tested.name == "folder/test"
    assert all(overlap(found, tested) == [] for found in trained)
    assert overlap(tested, tested) == tested.names
    used = data.photos_used()
    assert {key: found.count for key, found in used.items()} == {"unpaired.high": 16, "unpaired.real_low": 16}


def test_nothing_is_left_to_train_on(tmp_path: Path) -> None:
    write_photos(tmp_path / "good", GOOD[:6])
    write_photo(tmp_path / "dark" / "one.png", pixels("one"))
    message = r"real_low .*unpaired\.real_low_validation_share"
    with pytest.raises(DRBNError, match=message):
        opened(module(tmp_path))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"real_low_test_share": -1}, r"unpaired\.real_low_test_share=-1"),
        ({"parts": 0}, r"unpaired\.part=0 .*unpaired\.parts=0"),
        ({"batch_size": 0}, r"unpaired\.batch_size is 0"),
        ({"length": 0}, r"unpaired\.length is 0"),
        ({"real_low": "nowhere"}, "nowhere"),
    ],
)
def test_wrong_settings(clean: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DRBNError, match=message):
        module(clean, **changes).prepare_data()


@pytest.mark.reference
@pytest.mark.filterwarnings("error::UserWarning")
def test_ordinary_photos_beside_real_low_light_photos(reference: Path, tmp_path: Path) -> None:
    root, cache = reference / "data", tmp_path / "cache"
    settings: dict[str, Any] = {"real_low": str(root / "low-light"), "cache": str(cache), "num_workers": 0}
    shares: dict[str, Any] = {"validation_share": 0.1, "test_share": 0.1}
    data = opened(FoldersDataModule(str(root / "photos"), str(root / "low-light"), **(settings | shares)))
    held_out = round(0.1 * len(list_images(root / "photos")))
    counts = [len(names(data, role, HIGH)) for role in (TRAINING, VALIDATION, TEST)]
    assert counts == [len(list_images(root / "photos")) - 2 * held_out, held_out, held_out]
    assert [len(names(data, role, REAL_LOW)) for role in (TRAINING, VALIDATION, TEST)] == [14, 5, 5]
    assert not names(data, TRAINING, LOW) & names(data, VALIDATION, REAL_LOW)
    batch: Any = next(iter(data.train_dataloader()))
    assert tuple(batch.high_mos.shape) == tuple(batch.real_low.shape) == (4, 3, 128, 128)
    assert batch.real_low_thumbnail.mean() < batch.high_mos.mean()
    assert sum(file.stat().st_size for file in cache.glob("*.bin")) < 60e6
