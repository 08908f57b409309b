import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from drbn_lightning.batches import Pair
from drbn_lightning.data.fingerprints import Fingerprint, overlap
from drbn_lightning.data.paired.lol import LOLDataModule
from drbn_lightning.data.simulation.scenes import scene
from drbn_lightning.errors import DRBNError
from drbn_lightning.images.rgb import read_rgb, write_png
from drbn_lightning.networks.first_guess import thumbnails_of
from tests.data.samples import opened, same_pair
from tests.running import all_same

pytestmark = pytest.mark.filterwarnings("ignore:Found .* pairs of LOL")

DARKER = 6  # low is normal divided by this, so that a crop of one shows where the other was cut
TRAIN = [(48, 60), (52, 48), (48, 48), (64, 50), (49, 63)]
TEST = [(40, 56), (56, 44)]


def add(root: Path, split: str, number: int, seed: int, size: tuple[int, int]) -> None:
    image = (scene(np.random.default_rng(seed), *size) * 255).round().byte().permute(1, 2, 0).numpy()
    write_png(root / split / "high" / f"{number}.png", image)
    write_png(root / split / "low" / f"{number}.png", image // DARKER)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LOL-v1 of five training and two test pairs of different sizes."""
    root = tmp_path_factory.mktemp("lol") / "LOLdataset"
    for number, size in enumerate(TRAIN):
        add(root, "our485", number, number, size)
    for number, size in enumerate(TEST):
        add(root, "eval15", number, 100 + number, size)
    return root


@pytest.fixture
def leaking(clean: Path, tmp_path: Path) -> Path:
    """The same, to be degraded."""
    return Path(shutil.copytree(clean, tmp_path / "LOLdataset"))


def module(root: Path, *, setup: bool = True, **changes: Any) -> LOLDataModule:  # noqa: ANN401 any setting
    settings: dict[str, Any] = {
        "cache": str(root.parent / "cache"),
        "crop_size": 16,
        "validation_pairs": 2,
        "on_overlap": "error",
    }
    settings |= {"batch_size": 2, "num_workers": 0, "release": "v1"} | changes
    data = LOLDataModule(str(root), **settings)
    return opened(data) if setup else data


def sample(data: LOLDataModule, epoch: int, index: int) -> Pair:
    assert data.train_set is not None
    return data.train_set[epoch, index]


def bytes_of(image: torch.Tensor) -> torch.Tensor:
    return (image * 255).round().byte()


def test_a_sample_follows_from_seed_epoch_and_index(clean: Path) -> None:
    first = sample(module(clean, repeats=2), 3, 4)
    torch.manual_seed(123)
    assert same_pair(sample(module(clean, repeats=2), 3, 4), first)
    others = [sample(module(clean, repeats=2), 4, 4), sample(module(clean, repeats=2), 3, 1)]
    assert {other.name for other in others} == {first.name}
    assert not any(torch.equal(other.low, first.low) for other in others)


def test_the_seed_changes_the_crops(clean: Path) -> None:
    data, other = module(clean), module(clean, seed=1)
    other.train_set.rows = data.train_set.rows  # type: ignore[union-attr]
    pairs = [(sample(data, 0, index), sample(other, 0, index)) for index in range(3)]
    assert all(one.name == two.name and not torch.equal(one.low, two.low) for one, two in pairs)


def test_low_is_the_same_crop_as_normal_beside_the_exact_mean_of_the_whole(clean: Path) -> None:
    data = module(clean, repeats=4)
    for index in range(12):
        pair = sample(data, 0, index)
        assert tuple(pair.low.shape) == tuple(pair.normal.shape) == (3, 16, 16)
        assert torch.equal(bytes_of(pair.low), bytes_of(pair.normal) // DARKER)
        whole = read_rgb(clean / "our485" / "low" / f"{pair.name}.png")
        assert pair.thumbnail.mean().item() == pytest.approx(whole.mean(dtype=np.float64) / 255, rel=1e-6)


def test_every_pair_comes_as_often_as_asked_for_and_none_that_is_held_out(clean: Path) -> None:
    data = module(clean, repeats=5)
    names = [name for batch in data.train_dataloader() for name in batch.name]
    held_out = {batch.name[0] for batch in data.val_dataloader()}
    assert len(held_out) == 2
    assert sorted(names) == sorted(5 * [str(n) for n in range(5) if str(n) not in held_out])


def test_validation_is_whole_pairs_the_same_every_time(clean: Path) -> None:
    data = module(clean)
    loader = data.val_dataloader()
    one = list(loader)
    list(data.train_dataloader())
    assert all_same(same_pair, one, loader)
    assert all_same(same_pair, one, module(clean).val_dataloader())
    for batch in one:
        assert tuple(batch.normal.shape) == (1, 3, *TRAIN[int(batch.name[0])])
        assert torch.allclose(batch.thumbnail, thumbnails_of(batch.low))


def test_validation_may_take_the_middle_beside_the_mean_of_the_whole(clean: Path) -> None:
    for batch in module(clean, validation_crop=10).val_dataloader():
        height, width = TRAIN[int(batch.name[0])]
        top, left = (height - 10) // 2, (width - 10) // 2
        whole = torch.from_numpy(read_rgb(clean / "our485" / "low" / f"{batch.name[0]}.png")).permute(2, 0, 1)
        assert torch.equal(bytes_of(batch.low[0]), whole[:, top : top + 10, left : left + 10])
        assert batch.thumbnail.mean().item() == pytest.approx(whole.double().mean().item() / 255, rel=1e-6)


def test_test_images_are_whole_and_of_any_size(clean: Path) -> None:
    batches = list(module(clean).test_dataloader())
    assert [tuple(batch.low.shape) for batch in batches] == [(1, 3, *size) for size in TEST]
    for number, batch in enumerate(batches):
        normal = torch.from_numpy(read_rgb(clean / "eval15" / "high" / f"{number}.png")).permute(2, 0, 1)
        assert torch.equal(bytes_of(batch.normal[0]), normal)
        assert batch.name == [str(number)]


def test_fingerprints_know_the_splits_apart(clean: Path) -> None:
    data = module(clean)
    (trained, chosen_by), tested = data.trained_on(), data.tested_on()
    assert (trained.name, trained.count, tested.name, tested.count) == ("v1/train", 3, "v1/test", 2)
    held_out = {batch.name[0] for batch in data.val_dataloader()}
    assert chosen_by.name == "v1/validation"
    assert held_out == set(chosen_by.names)
    assert held_out.isdisjoint(trained.names)
    assert overlap(trained, tested) == []
    assert overlap(trained, trained) == trained.names
    assert Fingerprint.from_dict(trained.as_dict()) == trained


def leak(root: Path, name: str, **options: Any) -> None:  # noqa: ANN401 any of Pillow's
    """Copy a training image's target into the test set as another file, beside another low image."""
    number = sample(module(root), 0, 0).name
    low = read_rgb(root / "our485" / "low" / f"{number}.png")
    write_png(root / "eval15" / "low" / "77.png", low // 2)
    with Image.open(root / "our485" / "high" / f"{number}.png") as image:
        image.save(root / "eval15" / "high" / name, **options)


@pytest.mark.parametrize(
    ("name", "options"),
    [("77.png", {"compress_level": 1}), ("77.jpg", {"quality": 92}), ("77.bmp", {}), ("77.webp", {"quality": 92})],
)
def test_a_training_image_in_the_test_set_is_found(leaking: Path, name: str, options: dict[str, int]) -> None:
    leak(leaking, name, **options)
    message = r"1 of the 3 .*v1/train.*77"
    with pytest.raises(DRBNError, match=rf"{message}.*data\.on_overlap=warn"):
        module(leaking)
    with pytest.warns(UserWarning, match=message):
        module(leaking, on_overlap="warn")


def test_a_low_image_in_the_test_set_is_found(leaking: Path) -> None:
    number = sample(module(leaking), 0, 0).name
    shutil.copy(leaking / "our485" / "low" / f"{number}.png", leaking / "eval15" / "low" / "77.png")
    height, width = TRAIN[int(number)]
    other = (scene(np.random.default_rng(55), height, width) * 255).byte().permute(1, 2, 0).numpy()
    write_png(leaking / "eval15" / "high" / "77.png", other)
    with pytest.raises(DRBNError, match="1 of the 3 "):
        module(leaking)


def test_a_held_out_image_in_the_test_set_is_no_leak(leaking: Path) -> None:
    (number, *_) = [batch.name[0] for batch in module(leaking).val_dataloader()]
    for side in ("low", "high"):
        shutil.copy(leaking / "our485" / side / f"{number}.png", leaking / "eval15" / side / "77.png")
    module(leaking)


def test_a_clean_data_set_says_nothing(clean: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message="Found .* pairs of LOL")
        module(clean, on_overlap="warn")


def test_training_goes_on_without_the_test_set(leaking: Path) -> None:
    shutil.rmtree(leaking / "eval15")
    data = module(leaking, setup=False)
    with pytest.warns(UserWarning, match="eval15/low"):
        data.setup("fit")
    assert data.train_set is not None
    with pytest.raises(DRBNError, match="eval15/low"):
        data.setup("test")


def test_nothing_is_read_before_it_is_needed(tmp_path: Path) -> None:
    data = module(tmp_path / "nowhere", setup=False)
    with pytest.raises(DRBNError, match=r"data\.root=.*nowhere"):
        data.prepare_data()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"validation_pairs": 0}, r"data\.validation_pairs is 0"),
        ({"on_overlap": "ignore"}, r"data\.on_overlap .*'ignore'.*'warn' or 'error'"),
        ({"crop_size": 60}, r"our485/low/\d\.png.*\d+x\d+.*data\.crop_size=60"),
        ({"crop_size": 0}, r"data\.crop_size is 0"),
        ({"release": "v9"}, r"'v9'.*v1, v2_real"),
        ({"release": "v2_real"}, r"LOL-v2-real.*data\.root="),
    ],
)
def test_wrong_settings(clean: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DRBNError, match=message):
        module(clean, **changes)


@pytest.mark.parametrize("root", [None, ""])
def test_a_root_that_is_not_set(root: str | None) -> None:
    with pytest.raises(DRBNError, match=r"data\.root=PATH .*v1"):
        LOLDataModule(root, "v1", cache="cache")


def test_pairs_that_differ_in_size(leaking: Path) -> None:
    write_png(leaking / "our485" / "high" / "0.png", np.zeros((20, 20, 3), dtype=np.uint8))
    with pytest.raises(DRBNError, match=r"our485/low/0\.png"):
        module(leaking)
