from itertools import chain
from typing import Any

import numpy as np
import pytest
import torch

from drbn_lightning.batches import Unpaired
from drbn_lightning.data.crops import generator
from drbn_lightning.data.datamodule import TEST, TRAINING, VALIDATION
from drbn_lightning.data.fingerprints import overlap
from drbn_lightning.data.simulation.camera import LowLightCamera
from drbn_lightning.data.simulation.scenes import scene
from drbn_lightning.data.unpaired.samples import HELD_OUT, ORDER, STREAMS
from drbn_lightning.data.unpaired.splits import HIGH, LOW, MIDDLE, REAL_LOW
from drbn_lightning.data.unpaired.synthetic import SyntheticRatingsDataModule, degraded_scene
from drbn_lightning.errors import DRBNError
from tests.data.samples import opened
from tests.running import all_same

TINY: dict[str, Any] = {"crop_size": 16, "short_side": 20, "length": 6, "validation_photos": 8, "test_photos": 10}
TINY |= {"real_low_validation_photos": 2, "real_low_test_photos": 3, "batch_size": 2, "num_workers": 0}


def module(**changes: Any) -> SyntheticRatingsDataModule:  # noqa: ANN401 any setting
    data = SyntheticRatingsDataModule(LowLightCamera(), **(TINY | changes))
    return opened(data)


def sample(data: SyntheticRatingsDataModule, epoch: int, index: int) -> Unpaired:
    assert data.train_set is not None
    return data.train_set[epoch, index]


def tensors(one: Unpaired) -> list[torch.Tensor]:
    return [value for value in one if value is not None]


def test_a_sample_follows_from_seed_epoch_and_index_alone() -> None:
    first = sample(module(), 3, 4)
    torch.manual_seed(123)
    before = torch.get_rng_state()
    again = sample(module(length=9), 3, 4)
    assert torch.equal(torch.get_rng_state(), before)
    assert len(tensors(first)) == 6
    assert all_same(torch.equal, tensors(first), tensors(again))
    for other in (sample(module(), 4, 4), sample(module(), 3, 5), sample(module(seed=1), 3, 4)):
        assert not any(map(torch.equal, tensors(first), tensors(other)))


def test_samples_are_display_values_and_dark_ones_are_dark() -> None:
    data = module()
    for index in range(6):
        one = sample(data, 0, index)
        for image in (one.high_mos, one.low_mos, one.real_low):
            assert image is not None
            assert (tuple(image.shape), image.dtype) == ((3, 16, 16), torch.float32)
            assert 0 <= float(image.min()) <= float(image.max()) <= 1
        assert one.real_low is not None
        assert one.real_low_thumbnail is not None
        assert one.real_low_thumbnail.mean().item() == pytest.approx(one.real_low.mean().item())
        assert one.real_low.mean() < 0.3


def undegraded(kind: str, index: int) -> torch.Tensor:
    rng = generator(0, STREAMS[kind], 0, index)
    rng.uniform()  # how much the scene is degraded
    return scene(rng, 16, 16)


def test_good_scenes_are_nearer_to_what_they_were_than_bad_ones() -> None:
    data, errors = module(), []
    for index in range(30):
        unpaired = sample(data, 0, index)
        drawn = [undegraded(kind, index) for kind in (HIGH, LOW)]
        assert unpaired.low_mos is not None
        assert unpaired.low_score is not None
        assert unpaired.high_score is not None
        assert 1 <= unpaired.low_score < unpaired.high_score <= 9
        images = (unpaired.high_mos, unpaired.low_mos)
        errors.append([float(((a - b) ** 2).mean().sqrt()) for a, b in zip(images, drawn, strict=True)])
    high, low = np.mean(errors, axis=0)
    assert high < 0.08
    assert low > 0.12


def test_a_scene_that_is_not_degraded_stays_as_it_is() -> None:
    rng = [np.random.default_rng(0) for _ in range(2)]
    assert torch.allclose(degraded_scene(rng[0], 16, 0), scene(rng[1], 16, 16), atol=1e-5)


def test_held_out_scenes_are_of_all_grades_and_the_same_for_every_seed() -> None:
    first, second = module(), module(seed=1, crop_size=12)
    for loaders in (
        [data.val_dataloader() for data in (first, second)],
        [data.test_dataloader() for data in (first, second)],
    ):
        one, other = list(loaders[0]), list(loaders[1])
        assert all(torch.equal(a.photo, b.photo) for a, b in zip(one, other, strict=True))
        assert all(tuple(batch.photo.shape) == (1, 3, 20, 20) for batch in one)
        assert all(batch.thumbnail.mean().item() == pytest.approx(batch.photo.mean().item()) for batch in one)
    batches = list(first.val_dataloader())
    kinds = {kind: [batch.mos.item() for batch in batches if batch.kind == [kind]] for kind in (HIGH, MIDDLE, LOW)}
    assert kinds == {HIGH: [8.5, 7.5, 6.5], MIDDLE: [5.5, 4.5], LOW: [3.5, 2.5, 1.5]}
    assert sorted(batch.kind[0] for batch in batches[:4]) == sorted([HIGH, MIDDLE, LOW, REAL_LOW])
    assert [batch.mos.isnan().item() for batch in batches] == [batch.kind == [REAL_LOW] for batch in batches]
    assert len({batch.name[0] for batch in batches}) == 10
    assert len(first.test_dataloader()) == 13
    assert first.validation_set is not None
    assert len(first.validation_set.only(REAL_LOW)) == 2


def test_no_scene_comes_in_two_sets_nor_among_the_pairs() -> None:
    assert len({TRAINING, VALIDATION, TEST, ORDER, HELD_OUT, *STREAMS.values()}) == 8
    data = module()
    sums = [batch.photo.sum().item() for batch in chain(data.val_dataloader(), data.test_dataloader())]
    assert len(set(sums)) == len(sums)


def test_nothing_may_be_held_out() -> None:
    data = module(validation_photos=0, test_photos=0, real_low_validation_photos=0, real_low_test_photos=0)
    assert (len(data.val_dataloader()), len(data.test_dataloader())) == (0, 0)


def test_fingerprints_tell_settings_apart_and_overlap_with_nothing() -> None:
    data = module()
    (trained,) = data.trained_on()
    assert (trained.name, data.tested_on().name, data.tested_on().count) == ("graded/train", "graded/test", 13)
    changed = [module(seed=1), module(length=7), module(high_mos=7.0), module(crop_size=12)]
    assert len({one.trained_on()[0].identity for one in [data, *changed]}) == 5
    assert module(seed=1).tested_on() == data.tested_on()
    assert overlap(trained, data.tested_on()) == []
    assert data.photos_used() == {}
    expected = f"6 unpaired samples for training, 10 for validation (graded/train {trained.identity})"
    assert data.describe() == expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"crop_size": 7}, r"unpaired\.crop_size is 7.*8 pixels"),
        ({"crop_size": 21}, r"unpaired\.crop_size=21.*unpaired\.short_side=20"),
        ({"length": 0}, r"unpaired\.length is 0"),
        ({"low_mos": 7}, r"unpaired\.low_mos=7 and unpaired\.high_mos=6\.5 .*1\.0 to 9\.0"),
        ({"high_mos": 9.5}, r"unpaired\.high_mos=9\.5"),
        ({"test_photos": -1}, r"unpaired\.\*_photos"),
        ({"num_workers": -1}, r"unpaired\.num_workers is -1"),
    ],
)
def test_wrong_settings(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DRBNError, match=message):
        module(**changes)
