from pathlib import Path
from typing import Any

import pytest
import torch

from drbn_lightning.assembly import build_data
from drbn_lightning.batches import Pair
from drbn_lightning.data.paired.mixed import ChainedPairs, MixedDataModule
from drbn_lightning.data.paired.synthetic import SyntheticDataModule
from drbn_lightning.data.simulation.camera import LowLightCamera
from drbn_lightning.errors import DRBNError
from tests.data.paired.test_photos import module as photos_module
from tests.data.paired.test_photos import photos  # noqa: F401 a fixture
from tests.data.samples import opened
from tests.running import composed

FOLDERS = "drbn_lightning.data.paired.folders.PairedFoldersDataModule"


def scenes(length: int, **changes: Any) -> SyntheticDataModule:  # noqa: ANN401 any setting
    settings = {"scene_size": 16, "crop_size": 12, "validation_scenes": 2, "test_scenes": 3, "test_size": 16} | changes
    return SyntheticDataModule(LowLightCamera(), length, **settings)


def mixed(folder: Path) -> MixedDataModule:
    parts = {"scenes": scenes(4), "none": None, "photos": photos_module(folder, setup=False)}
    data = MixedDataModule(parts, crop_size=12, batch_size=3, num_workers=0)
    return opened(data)


def same(one: Pair, other: Pair) -> bool:
    return one.name == other.name and torch.equal(one.low, other.low) and torch.equal(one.normal, other.normal)


def test_samples_are_those_of_the_parts_in_their_order(photos: Path) -> None:  # noqa: F811 the fixture
    data = mixed(photos)
    first, second = data.parts.values()
    assert isinstance(data.train_set, ChainedPairs)
    assert first.train_set is not None
    assert second.train_set is not None
    assert len(data.train_set) == 4 + 9 == len(first.train_set) + len(second.train_set)
    for index, (part, within) in {0: (first, 0), 3: (first, 3), 4: (second, 0), 12: (second, 8)}.items():
        assert part.train_set is not None
        assert same(data.train_set[2, index], part.train_set[2, within])


def test_every_sample_comes_once_an_epoch_and_validation_has_all_parts(photos: Path) -> None:  # noqa: F811 the fixture
    data = mixed(photos)
    batches = list(data.train_dataloader())
    assert sum(len(batch.name) for batch in batches) == 13
    assert {tuple(batch.low.shape[1:]) for batch in batches} == {(3, 12, 12)}
    assert data.validation_set is not None
    assert len(data.validation_set) == 2 + 2
    assert len(list(data.val_dataloader())) == 4


def test_fingerprints_are_those_of_all_parts_and_the_test_set_is_the_first_ones(photos: Path) -> None:  # noqa: F811 the fixture
    data = mixed(photos)
    assert [used.name for used in data.trained_on()] == ["synthetic/train", "photos/train", "photos/validation"]
    assert data.tested_on().name == "synthetic/test"
    assert data.test_set is not None
    assert len(data.test_set) == 3


def test_photos_that_make_two_kinds_of_pairs_count_once(photos: Path) -> None:  # noqa: F811 the fixture
    parts = {name: photos_module(photos, setup=False) for name in ("dark", "backlit")}
    data = opened(MixedDataModule(parts, crop_size=12, batch_size=3, num_workers=0))
    assert [used.name for used in data.trained_on()] == ["photos/train", "photos/validation"]


def test_a_mixture_of_nothing_is_refused() -> None:
    with pytest.raises(DRBNError, match=r"data\.parts"):
        MixedDataModule({"lol": None})


def test_a_part_with_other_crops_is_named() -> None:
    with pytest.raises(DRBNError, match=r"data\.parts\.b\.crop_size.*data\.crop_size=12"):
        MixedDataModule({"a": scenes(4), "b": scenes(4, crop_size=10)}, crop_size=12)


def test_what_a_part_finds_wrong_later_names_its_key(tmp_path: Path) -> None:
    folders = [
        f"+data.parts.own={{_target_: {FOLDERS}, root: {tmp_path}, cache: {tmp_path}, crop_size: 96}}",
        "data.parts.lol=null",
    ]
    data = build_data(composed(tmp_path, "data=mixed", *folders, "data.parts.photos=null"))
    with pytest.raises(DRBNError, match=r"data\.parts\.own\.root="):
        data.prepare_data()


def test_one_crop_size_on_the_command_line_reaches_every_part(tmp_path: Path) -> None:
    roots = [f"data.parts.{part}.root={tmp_path}" for part in ("lol", "photos")]
    data = build_data(composed(tmp_path, "data=mixed", "data.crop_size=32", *roots))
    assert isinstance(data, MixedDataModule)
    assert [getattr(part, "crop_size", None) for part in data.parts.values()] == [32, 32, 32]


def test_a_missing_root_is_named(tmp_path: Path) -> None:
    with pytest.raises(DRBNError, match=r"data\.parts\.lol\.root"):
        build_data(composed(tmp_path, "data=mixed"))
