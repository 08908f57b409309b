from typing import Any

import pytest
import torch

from drbn_lightning.batches import Pair
from drbn_lightning.data.crops import generator
from drbn_lightning.data.datamodule import TRAINING
from drbn_lightning.data.fingerprints import Fingerprint, overlap
from drbn_lightning.data.paired.synthetic import SyntheticDataModule
from drbn_lightning.data.simulation.camera import LowLightCamera
from drbn_lightning.data.simulation.scenes import scene
from drbn_lightning.errors import DRBNError
from drbn_lightning.networks.first_guess import thumbnails_of
from tests.data.samples import opened, same_pair
from tests.data.simulation.test_exposure import darkened, plain_camera
from tests.running import all_same

TINY = {"length": 6, "scene_size": 20, "crop_size": 12, "validation_scenes": 2, "test_scenes": 3, "test_size": 24}


def module(seed: int = 0, camera: LowLightCamera | None = None, **changes: int) -> SyntheticDataModule:
    data = SyntheticDataModule(camera or LowLightCamera(), **(TINY | changes), batch_size=2, num_workers=0, seed=seed)
    return opened(data)


def sample(data: SyntheticDataModule, epoch: int, index: int) -> Pair:
    assert data.train_set is not None
    return data.train_set[epoch, index]


def test_a_sample_follows_from_seed_epoch_and_index() -> None:
    first = sample(module(), 3, 4)
    torch.manual_seed(123)
    assert same_pair(sample(module(), 3, 4), first)
    others = [sample(module(), 4, 4), sample(module(), 3, 5), sample(module(seed=1), 3, 4)]
    assert not any(torch.equal(other.normal, first.normal) for other in others)


def test_a_sample_draws_nothing_from_torch() -> None:
    data = module()
    torch.manual_seed(0)
    before = torch.get_rng_state()
    sample(data, 0, 0)
    assert torch.equal(torch.get_rng_state(), before)


def test_low_is_the_same_crop_as_normal_and_has_the_mean_of_the_scene() -> None:
    data = module(camera=plain_camera())
    for index in range(6):
        pair = sample(data, 0, index)
        whole = scene(generator(0, TRAINING, 0, index), 20, 20)
        assert tuple(pair.low.shape) == tuple(pair.normal.shape) == (3, 12, 12)
        assert (pair.low - darkened(pair.normal)).abs().max() < 0.6 / 255
        assert pair.thumbnail.mean().item() == pytest.approx(darkened(whole).mean().item(), abs=0.2 / 255)
        assert pair.name == f"scene_{index:03d}"


def test_an_epoch_brings_every_scene_once_in_batches() -> None:
    data = module()
    loader = data.train_dataloader()
    epochs = []
    for epoch in range(2):
        loader.batches.set_epoch(epoch)
        epochs.append(list(loader))
    for batches in epochs:
        assert [tuple(batch.low.shape) for batch in batches] == [(2, 3, 12, 12)] * 3
        assert sorted(name for batch in batches for name in batch.name) == [f"scene_{n:03d}" for n in range(6)]
    assert [batch.name for batch in epochs[0]] != [batch.name for batch in epochs[1]]
    name = epochs[0][0].name[0]
    assert not torch.equal(
        epochs[0][0].normal[0],
        next(batch.normal[batch.name.index(name)] for batch in epochs[1] if name in batch.name),
    )


def test_validation_and_test_are_whole_scenes_fixed_for_every_seed() -> None:
    first, second = module(seed=0), module(seed=1)
    for loaders in (
        [data.val_dataloader() for data in (first, second)],
        [data.test_dataloader() for data in (first, second)],
    ):
        one, again, other = list(loaders[0]), list(loaders[0]), list(loaders[1])
        assert all_same(same_pair, one, again)
        assert all_same(same_pair, one, other)
        for batch in one:
            assert tuple(batch.low.shape) == (1, 3, 24, 24)
            assert torch.allclose(batch.thumbnail, thumbnails_of(batch.low))
    assert (len(first.val_dataloader()), len(first.test_dataloader())) == (2, 3)


def test_the_three_sets_share_no_scene() -> None:
    data = module(crop_size=24, scene_size=24, validation_scenes=6, test_scenes=6)
    parts = [data.train_set, data.validation_set, data.test_set]
    means = [{part[0, index].normal.sum().item() for index in range(6)} for part in parts if part is not None]
    assert [len(values) for values in means] == [6, 6, 6]
    assert len(set.union(*means)) == 18


def test_fingerprints_tell_settings_apart_and_overlap_with_nothing() -> None:
    data = module()
    (trained,) = data.trained_on()
    assert (trained.name, trained.count) == ("synthetic/train", 6)
    assert (data.tested_on().name, data.tested_on().count) == ("synthetic/test", 3)
    assert Fingerprint.from_dict(trained.as_dict()) == trained == module().trained_on()[0]
    changed = [module(seed=1), module(length=7), module(camera=LowLightCamera(stops=(2.0, 3.0)))]
    assert len({one.trained_on()[0].identity for one in [data, *changed]}) == 4
    assert module(seed=1).tested_on() == data.tested_on()
    assert overlap(trained, data.tested_on()) == []


def test_says_what_it_trains_on() -> None:
    data = module()
    identity = data.trained_on()[0].identity
    assert data.describe() == f"6 pairs for training, 2 for validation (synthetic/train {identity})"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"crop_size": 21}, r"data\.crop_size=21 .*data\.scene_size=20"),
        ({"crop_size": 0}, r"data\.crop_size=0 .*1"),
        ({"length": 0}, r"data\.length"),
        ({"validation_scenes": 0}, r"data\.validation_scenes"),
        ({"test_scenes": -1}, r"data\.test_scenes"),
    ],
)
def test_wrong_settings(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DRBNError, match=message):
        module(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 0}, r"data\.batch_size is 0"),
        ({"num_workers": -1}, r"data\.num_workers is -1"),
    ],
)
def test_wrong_settings_of_the_loaders(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DRBNError, match=message):
        SyntheticDataModule(LowLightCamera(), **changes)
