from pathlib import Path
from typing import Any

import pytest
import torch
from kornia.color import linear_rgb_to_rgb, rgb_to_linear_rgb
from torch import Tensor

from drbn_lightning.batches import Unpaired
from drbn_lightning.data.datamodule import VALIDATION
from drbn_lightning.data.simulation.artefacts import KINDS
from drbn_lightning.data.simulation.camera import LowLightCamera
from drbn_lightning.data.unpaired.graded import GradedDataModule, GradedPhotos, GradedSamples
from drbn_lightning.data.unpaired.samples import StoredSamples
from drbn_lightning.data.unpaired.splits import HIGH, LOW, MIDDLE, REAL_LOW, UNSEEN
from drbn_lightning.errors import DRBNError
from tests.data.samples import opened
from tests.data.unpaired.photo_tables import pixels, write_photo
from tests.running import all_same

HELD_OUT_KINDS = ["halo", "band"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of good and one of dark photos."""
    root = tmp_path_factory.mktemp("photos")
    for number in range(20):
        write_photo(root / "good" / f"good{number}.png", pixels(f"good{number}"))
        write_photo(root / "dark" / f"dark{number}.png", pixels(f"dark{number}") // 8)
    return root


def module(root: Path, **changes: Any) -> GradedDataModule:  # noqa: ANN401 any setting
    settings: dict[str, Any] = {"photos": str(root / "good"), "real_low": str(root / "dark"), "baseline_share": 0.0}
    settings |= {"cache": str(root / "cache"), "short_side": 20, "crop_size": 16, "length": 10, "num_workers": 0}
    settings |= {"validation_photos": 8, "test_photos": 5, "validation_share": 0.2, "test_share": 0.2}
    return opened(GradedDataModule(**(settings | changes)))


def sample(data: GradedDataModule, epoch: int, index: int) -> Unpaired:
    assert data.train_set is not None
    return data.train_set[epoch, index]


def tensors(one: Unpaired) -> list[Tensor]:
    """Images, a thumbnail, and scores; 0 for a score that nobody knows."""
    return [value.nan_to_num() for value in one if value is not None]


def likeness(one: Unpaired) -> float:
    assert one.low_mos is not None
    both = torch.stack([one.high_mos.flatten(), one.low_mos.flatten()])
    return float(torch.corrcoef(both)[0, 1])


def test_a_sample_follows_from_seed_epoch_and_index_alone(folders: Path) -> None:
    for changes in ({}, {"same_photo": False}, {"baseline_share": 1.0}):
        first, again = (sample(module(folders, **changes), 2, 3) for _ in range(2))
        assert len(tensors(first)) == 6
        assert all_same(torch.equal, tensors(first), tensors(again))
        for other in (sample(module(folders, **changes), 1, 3), sample(module(folders, seed=1, **changes), 2, 3)):
            assert not any(map(torch.equal, tensors(first)[:2], tensors(other)[:2]))


def test_samples_are_display_values(folders: Path) -> None:
    data = module(folders, baseline_share=0.5)
    for index in range(10):
        for image in tensors(sample(data, 0, index))[:3]:
            assert (tuple(image.shape), image.dtype) == ((3, 16, 16), torch.float32)
            assert 0 <= float(image.min()) <= float(image.max()) <= 1


def test_both_images_of_a_sample_are_one_photo_in_two_severities_or_two_photos(folders: Path) -> None:
    same, other = module(folders), module(folders, same_photo=False)
    alike, unlike = ([likeness(sample(data, 0, index)) for index in range(10)] for data in (same, other))
    assert sorted(alike)[5] > 0.8  # the median; a strong degradation may leave less
    assert sorted(unlike)[5] < 0.5
    assert isinstance(same.train_set, GradedSamples)
    further = 0
    for index in range(10):
        stored, spoilt = StoredSamples.__getitem__(same.train_set, (0, index)), sample(same, 0, index)
        assert spoilt.low_mos is not None
        errors = [float((image - stored.high_mos).square().mean()) for image in (spoilt.high_mos, spoilt.low_mos)]
        further += errors[0] < errors[1]
        assert spoilt.low_score is not None
        assert spoilt.high_score is not None
        assert 1 <= spoilt.low_score <= 6 < 7 <= spoilt.high_score <= 9
    assert further >= 8


def test_classical_results_on_real_low_light_photos_are_bad_examples(folders: Path) -> None:
    data = module(folders, baseline_share=1.0)
    for index in range(10):
        one = sample(data, 0, index)
        assert one.low_mos is not None
        assert one.real_low is not None
        assert one.low_mos.mean() > 1.3 * one.real_low.mean()  # brighter, and of the same photo
        dark = torch.stack([one.low_mos.mean(0).flatten(), one.real_low.mean(0).flatten()])
        assert torch.corrcoef(dark)[0, 1] > 0.3
        assert one.low_score is not None
        assert one.low_score.isnan()  # nobody knows how bad it is
    no_dark = module(folders, baseline_share=1.0, real_low=None)
    assert sample(no_dark, 0, 0).low_mos is not None


def test_held_out_photos_come_in_all_grades_whatever_the_seed(folders: Path) -> None:
    first, second = module(folders), module(folders, seed=1, crop_size=12)
    one, other = (list(data.val_dataloader()) for data in (first, second))
    assert all(torch.equal(a.photo, b.photo) for a, b in zip(one, other, strict=True))
    kinds = {kind: [batch.mos.item() for batch in one if batch.kind == [kind]] for kind in (HIGH, MIDDLE, LOW)}
    assert kinds == {HIGH: [8.5, 7.5], MIDDLE: [6.5], LOW: [5.5, 4.5, 3.5, 2.5, 1.5]}
    assert sum(batch.kind == [REAL_LOW] for batch in one) == 4
    assert not any(batch.kind == [UNSEEN] for batch in one)
    assert len({batch.name[0] for batch in one}) == len(one)
    assert all(batch.thumbnail.mean().item() == pytest.approx(batch.photo.mean().item(), abs=1e-4) for batch in one)
    assert len(first.test_dataloader()) == 5 + 4
    assert first.validation_set is not None
    assert len(first.validation_set.only(REAL_LOW)) == 4


def test_no_photo_comes_in_two_sets(folders: Path) -> None:
    data = module(folders)
    assert isinstance(data.train_set, GradedSamples)
    assert isinstance(data.validation_set, GradedPhotos)
    assert isinstance(data.test_set, GradedPhotos)
    sets = [{photo.path for photo in one.photos} for one in (data.train_set, data.validation_set, data.test_set)]
    assert [len(one) for one in sets] == [12 + 12, 4 + 4, 4 + 4]
    assert not sets[0] & sets[1]
    assert not (sets[0] | sets[1]) & sets[2]
    assert [fingerprint.name for fingerprint in data.trained_on()] == [
        "graded/high",
        "graded/real_low",
        "graded/validation",
    ]
    assert sorted(data.photos_used()) == ["unpaired.photos", "unpaired.real_low"]
    assert f"20 photos in {folders / 'good'}" in data.describe()


def test_kinds_that_are_held_out_are_seen_in_validation_alone(folders: Path) -> None:
    data = module(folders, hold_out_kinds=HELD_OUT_KINDS, unseen_validation_photos=4, unseen_test_photos=3)
    assert data.grades.seen == tuple(kind for kind in KINDS if kind not in HELD_OUT_KINDS)
    assert isinstance(data.validation_set, GradedPhotos)
    held_out = data.validation_set
    for kind, made in zip(held_out.kinds, held_out.made, strict=False):
        assert set(made.mix.shares) <= set(HELD_OUT_KINDS if kind == UNSEEN else data.grades.seen)
    assert [held_out.made[number].mos for number, kind in enumerate(held_out.kinds) if kind == UNSEEN] == [8, 6, 4, 2]
    assert len(data.test_dataloader()) == 5 + 3 + 4
    assert data.unseen[VALIDATION] == 4


def test_some_low_light_photos_are_good_ones_darkened(folders: Path) -> None:
    """Half of them in training; validation and test have as many of them as real ones."""
    camera = LowLightCamera(stops=(1.0, 1.0), contrast=(1.5, 1.5), cast=0.0, shot_noise=(0.0, 0.0))
    real, data = module(folders), module(folders, darkened_share=0.5, camera=camera)
    assert isinstance(data.validation_set, GradedPhotos)
    darkened = 0
    for index in range(30):
        one, other = sample(data, index, 0), sample(real, index, 0)
        assert one.real_low is not None
        assert other.real_low is not None
        assert one.real_low_thumbnail is not None
        assert torch.equal(one.high_mos, other.high_mos)
        assert one.real_low.shape == other.real_low.shape
        assert one.real_low_thumbnail.shape == (3, 48, 48)
        if not torch.equal(one.real_low, other.real_low):
            darkened += 1
            assert one.real_low_thumbnail.mean().item() == pytest.approx(one.real_low.mean().item(), abs=0.15)
    assert 8 <= darkened <= 22  # half of 30
    held_out = data.validation_set
    assert held_out.kinds.count(REAL_LOW) == 4 + 4
    assert held_out.kinds[-8:] == [REAL_LOW] * 8
    last, photo = held_out.photo(len(held_out.kinds) - 1), held_out.photos[held_out.to_darken[-1]]
    light = rgb_to_linear_rgb(held_out.cache[photo.number].float() / 255) ** 1.5 / 2
    assert (last.photo - linear_rgb_to_rgb(light)).abs().mean() < 0.02
    assert last.photo.mean().item() == pytest.approx(last.thumbnail.mean().item(), abs=1e-4)
    assert len(data.test_dataloader()) == 5 + 4 + 4
    assert sample(module(folders, darkened_share=0.5, real_low=None), 0, 0).real_low is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"photos": None}, r"unpaired\.photos is not set"),
        ({"low_mos": 7.5}, r"unpaired\.low_mos=7\.5"),
        ({"darkened_share": 1.0}, r"unpaired\.darkened_share is 1\.0"),
        ({"baseline_share": 1.5}, r"unpaired\.baseline_share is 1\.5"),
        ({"hold_out_kinds": ["halos"]}, r"unpaired\.hold_out_kinds=\['halos'\].*halo, "),
        ({"hold_out_kinds": KINDS}, r"unpaired\.hold_out_kinds.*not all"),
        ({"unseen_test_photos": -1}, r"unpaired\.unseen_\*_photos"),
    ],
)
def test_wrong_settings(folders: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DRBNError, match=message):
        module(folders, **changes)
