from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from drbn_lightning.batches import Pair
from drbn_lightning.data.fingerprints import Fingerprint, overlap
from drbn_lightning.data.paired.photos import PhotosDataModule
from drbn_lightning.data.simulation.camera import LowLightCamera
from drbn_lightning.data.simulation.scenes import scene
from drbn_lightning.errors import DRBNError
from drbn_lightning.images.rgb import read_rgb, write_png
from tests.data.samples import opened, same_pair
from tests.data.simulation.test_exposure import darkened, plain_camera
from tests.running import all_same

SIZES = [(24, 30), (36, 28), (24, 24), (40, 25), (27, 31)]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five small photos of different sizes."""
    root = tmp_path_factory.mktemp("photos")
    for number, (height, width) in enumerate(SIZES):
        image = scene(np.random.default_rng(number), height, width)
        write_png(root / "all" / f"p{number}.png", (image * 255).round().byte().permute(1, 2, 0).numpy())
    return root / "all"


def module(
    root: Path,
    *,
    setup: bool = True,
    camera: LowLightCamera | None = None,
    **changes: Any,  # noqa: ANN401 any setting
) -> PhotosDataModule:
    settings: dict[str, Any] = {
        "cache": str(root.parent / "cache"),
        "crop_size": 12,
        "validation_photos": 2,
        "repeats": 3,
    }
    settings |= {"batch_size": 2, "num_workers": 0} | changes
    data = PhotosDataModule(str(root), camera or LowLightCamera(), **settings)
    return opened(data) if setup else data


def sample(data: PhotosDataModule, epoch: int, index: int) -> Pair:
    assert data.train_set is not None
    return data.train_set[epoch, index]


def test_a_sample_follows_from_seed_epoch_and_index(photos: Path) -> None:
    first = sample(module(photos), 3, 4)
    torch.manual_seed(123)
    assert same_pair(sample(module(photos), 3, 4), first)
    others = [sample(module(photos), 4, 4), sample(module(photos), 3, 1), sample(module(photos, seed=1), 3, 4)]
    assert {other.name for other in others} == {first.name}  # 1 and 4 are the same of three photos
    assert not any(torch.equal(other.low, first.low) for other in others)


def test_low_is_the_same_crop_as_normal_and_has_the_mean_of_the_photo(photos: Path) -> None:
    data = module(photos, camera=plain_camera())
    for index in range(9):
        pair = sample(data, 0, index)
        whole = torch.from_numpy(read_rgb(photos / pair.name)).permute(2, 0, 1) / 255
        assert tuple(pair.low.shape) == tuple(pair.normal.shape) == (3, 12, 12)
        assert (pair.low - darkened(pair.normal)).abs().max() < 0.6 / 255
        assert pair.thumbnail.mean().item() == pytest.approx(darkened(whole).mean().item(), abs=0.2 / 255)


def test_every_photo_comes_as_often_as_asked_for_and_none_that_is_held_out(photos: Path) -> None:
    data = module(photos)
    names = [name for batch in data.train_dataloader() for name in batch.name]
    held_out = {batch.name[0] for batch in data.val_dataloader()}
    assert len(held_out) == 2
    assert sorted(names) == sorted(3 * [f"p{n}.png" for n in range(5) if f"p{n}.png" not in held_out])


def test_validation_is_whole_photos_fixed_for_every_seed_and_epoch(photos: Path) -> None:
    first, second = module(photos, seed=0), module(photos, seed=1)
    loader = first.val_dataloader()
    one, again, other = list(loader), list(loader), list(second.val_dataloader())
    assert all_same(same_pair, one, again)
    assert all_same(same_pair, one, other)
    assert all_same(same_pair, one, first.test_dataloader())
    sizes = [(1, 3, *SIZES[int(batch.name[0][1])]) for batch in one]
    assert [tuple(batch.low.shape) for batch in one] == sizes
    assert sizes[0] != sizes[1]


def test_validation_may_take_the_middle(photos: Path) -> None:
    for batch in module(photos, validation_crop=10).val_dataloader():
        height, width = SIZES[int(batch.name[0][1])]
        top, left = (height - 10) // 2, (width - 10) // 2
        whole = torch.from_numpy(read_rgb(photos / batch.name[0])).permute(2, 0, 1) / 255
        assert torch.equal(batch.normal[0], whole[:, top : top + 10, left : left + 10])


def test_fingerprints_know_the_photos_apart(photos: Path) -> None:
    data = module(photos)
    (trained, chosen_by), tested = data.trained_on(), data.tested_on()
    assert (trained.name, trained.count, tested.name, tested.count) == ("photos/train", 3, "photos/test", 2)
    assert set(trained.names).isdisjoint(tested.names)
    assert overlap(trained, tested) == []
    assert (chosen_by.name, chosen_by.names) == ("photos/validation", tested.names)
    assert overlap(trained, trained) == trained.names
    assert Fingerprint.from_dict(trained.as_dict()) == trained


def test_nothing_is_read_before_it_is_needed(tmp_path: Path) -> None:
    data = module(tmp_path / "nowhere", setup=False)
    with pytest.raises(DRBNError, match="nowhere"):
        data.prepare_data()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"validation_photos": 0}, r"data\.validation_photos is 0"),
        ({"validation_photos": 5}, r"5 photos .*data\.validation_photos=5"),
        ({"crop_size": 26}, r"all/p\d\.png.*\d+x\d+.*data\.crop_size=26"),
        ({"crop_size": 0}, r"data\.crop_size is 0"),
    ],
)
def test_wrong_settings(photos: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DRBNError, match=message):
        module(photos, **changes)


@pytest.mark.parametrize("root", [None, ""])
def test_a_root_that_is_not_set(root: str | None) -> None:
    with pytest.raises(DRBNError, match=r"data\.root.*data\.root=PATH"):
        PhotosDataModule(root, LowLightCamera(), "cache")


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(DRBNError, match=str(tmp_path)):
        module(tmp_path)


def test_some_samples_are_bright_already_and_stay_as_they_are(photos: Path) -> None:
    data = module(photos, unchanged_share=0.5, repeats=40)
    pairs = [sample(data, 0, index) for index in range(len(data.train_set or []))]
    unchanged = [pair for pair in pairs if torch.equal(pair.low, pair.normal)]
    assert 0.35 < len(unchanged) / len(pairs) < 0.65
    for pair in unchanged:
        assert torch.equal(pair.thumbnail, pair.normal_thumbnail)
        whole = torch.from_numpy(read_rgb(photos / pair.name)).float() / 255
        assert pair.thumbnail.mean().item() == pytest.approx(whole.mean().item(), rel=1e-4)
    assert not any(torch.equal(batch.low, batch.normal) for batch in data.val_dataloader())


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_of_unchanged_samples_is_from_0_to_1(photos: Path, share: float) -> None:
    with pytest.raises(DRBNError, match=r"data\.unchanged_share"):
        module(photos, unchanged_share=share)
