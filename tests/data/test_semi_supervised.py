from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from PIL import Image
from torch import Tensor

from drbn_lightning.batches import PairBatch, PhotoBatch, SemiSupervisedBatch
from drbn_lightning.data.datamodule import TRAINING
from drbn_lightning.data.paired.lol import LOLDataModule
from drbn_lightning.data.paired.synthetic import SyntheticDataModule
from drbn_lightning.data.semi_supervised import SemiSupervisedDataModule
from drbn_lightning.data.simulation.camera import LowLightCamera
from drbn_lightning.data.unpaired.folders import FoldersDataModule
from drbn_lightning.data.unpaired.splits import roles
from drbn_lightning.data.unpaired.synthetic import SyntheticRatingsDataModule
from drbn_lightning.errors import DRBNError
from tests.data.samples import ready
from tests.data.unpaired.photo_tables import pixels, write_photo, write_photos
from tests.running import all_same, trainer

pytestmark = pytest.mark.filterwarnings("ignore:Found .* pairs of LOL")

SCENES: dict[str, Any] = {"length": 10, "scene_size": 20, "crop_size": 12, "validation_scenes": 3, "test_scenes": 2}
SCENES |= {"test_size": 20, "batch_size": 4, "num_workers": 0}
PHOTOS: dict[str, Any] = {"crop_size": 8, "short_side": 16, "length": 5, "validation_photos": 4, "test_photos": 2}
PHOTOS |= {"real_low_validation_photos": 2, "real_low_test_photos": 1, "num_workers": 0}
SIZE = (24, 30)


def scenes(**changes: Any) -> SemiSupervisedDataModule:  # noqa: ANN401 any setting of the pairs
    camera = LowLightCamera()
    return SemiSupervisedDataModule(
        SyntheticDataModule(camera, **(SCENES | changes)), SyntheticRatingsDataModule(camera, **PHOTOS)
    )


def same(first: SemiSupervisedBatch, second: SemiSupervisedBatch) -> bool:
    assert first.unpaired.real_low is not None
    assert second.unpaired.real_low is not None
    return (
        first.pairs.name == second.pairs.name
        and torch.equal(first.pairs.low, second.pairs.low)
        and torch.equal(first.unpaired.high_mos, second.unpaired.high_mos)
        and torch.equal(first.unpaired.real_low, second.unpaired.real_low)
    )


def test_a_batch_holds_pairs_and_photos_of_one_position() -> None:
    data = ready(scenes())
    batches: list[Any] = list(data.train_dataloader())
    assert [len(batch.pairs.name) for batch in batches] == [4, 3, 3]
    assert all(isinstance(batch, SemiSupervisedBatch) for batch in batches)
    assert data.pairs.train_set is not None
    assert data.unpaired.train_set is not None
    for place, name in enumerate(batches[0].pairs.name):
        index = int(name.removeprefix("scene_"))
        pair, photos = data.pairs.train_set[0, index], data.unpaired.train_set[0, index]
        assert torch.equal(batches[0].pairs.low[place], pair.low)
        assert torch.equal(batches[0].unpaired.high_mos[place], photos.high_mos)
    assert tuple(batches[0].pairs.low.shape) == (4, 3, 12, 12)
    assert tuple(batches[0].unpaired.high_mos.shape) == (4, 3, 8, 8)


def test_an_epoch_is_one_pass_through_the_pairs() -> None:
    data = ready(scenes())
    assert (len(data.train_set or []), data.batch_size, data.num_workers) == (10, 4, 0)
    assert len(data.unpaired.train_set or []) == 5


def test_validation_is_pairs_and_dark_photos_and_testing_pairs_alone() -> None:
    data = ready(scenes())
    pairs, photos = data.val_dataloader()
    assert [type(batch) for batch in pairs] == [PairBatch] * 3
    assert [type(batch) for batch in photos] == [PhotoBatch] * 2
    assert {batch.kind[0] for batch in photos} == {"real_low"}
    data.setup("test")
    assert [type(batch) for batch in data.test_dataloader()] == [PairBatch] * 2
    assert data.tested_on().name == "synthetic/test"
    assert [fingerprint.name for fingerprint in data.trained_on()] == ["synthetic/train", "graded/train"]
    assert data.describe() == f"{data.pairs.describe()}; {data.unpaired.describe()}"


def test_a_discriminator_validates_on_all_photos() -> None:
    pairs, photos = scenes().pairs, scenes().unpaired
    data = ready(SemiSupervisedDataModule(pairs, photos, validates_on_pairs=False))
    (loader,) = data.val_dataloader()
    assert {kind for batch in loader for kind in batch.kind} == {"high", "middle", "low", "real_low"}


def test_a_resumed_run_goes_on_where_it_stopped() -> None:
    data, again = ready(scenes(batch_size=2)), ready(scenes(batch_size=2))
    batches: list[Any] = list(data.train_dataloader())
    loader = data.train_dataloader()
    for _ in islice(loader, 2):
        pass
    state = data.state_dict()
    assert state == {"epoch": 0, "batches": 2}
    again.load_state_dict(state)
    rest: list[Any] = list(again.train_dataloader())
    assert len(rest) == 3
    assert all_same(same, batches[2:], rest)


def test_two_processes_share_batches_and_validation() -> None:
    names, photos = [], []
    for rank in range(2):
        data = ready(scenes())
        data.trainer = SimpleNamespace(global_rank=rank, world_size=2)  # type: ignore[assignment]
        batches: list[Any] = list(data.train_dataloader())
        names += [name for batch in batches for name in batch.pairs.name]
        photos += [batch.name[0] for batch in data.val_dataloader()[1]]
    assert sorted(names) == [f"scene_{number:03d}" for number in range(10)]
    assert len(set(photos)) == len(photos) == 2


class Counting(pl.LightningModule):
    """Takes batches and notes what came."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)
        self.seen: list[tuple[str, int]] = []

    def training_step(self, batch: SemiSupervisedBatch) -> Tensor:
        self.seen.append(("train", len(batch.unpaired.high_mos)))
        loss: Tensor = self.layer(batch.pairs.thumbnail.mean(dim=(1, 2, 3))[:, None]).mean()
        return loss

    def validation_step(self, batch: PairBatch | PhotoBatch, batch_idx: int, dataloader_idx: int = 0) -> None:
        self.seen.append((type(batch).__name__, dataloader_idx))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


@pytest.mark.parametrize("dark", [0, 2])
def test_lightning_trains_on_it(tmp_path: Path, dark: int) -> None:
    camera = LowLightCamera()
    photos = SyntheticRatingsDataModule(camera, **(PHOTOS | {"real_low_validation_photos": dark}))
    data, stage = SemiSupervisedDataModule(SyntheticDataModule(camera, **SCENES), photos), Counting()
    trainer(tmp_path, enable_checkpointing=False, num_sanity_val_steps=0).fit(stage, data)
    assert (
        stage.seen == [("train", 4), ("train", 3), ("train", 3)] + [("PairBatch", 0)] * 3 + [("PhotoBatch", 1)] * dark
    )


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """LOL-v1 with five training pairs and two test pairs, and folders of good and dark photos."""
    for split, count in (("our485", 5), ("eval15", 2)):
        for number in range(count):
            values = pixels(f"{split}{number}", SIZE)
            write_photo(tmp_path / "lol" / split / "high" / f"{number}.png", values)
            write_photo(tmp_path / "lol" / split / "low" / f"{number}.png", values // 8)
    write_photos(tmp_path / "good", [f"g{number}.png" for number in range(8)])
    write_photos(tmp_path / "dark", [f"d{number}.png" for number in range(8)])
    return tmp_path


def stored(root: Path) -> SemiSupervisedDataModule:
    pairs = LOLDataModule(
        str(root / "lol"), "v1", cache=str(root / "cache"), crop_size=12, validation_pairs=2, num_workers=0
    )
    options: dict[str, Any] = {"validation_share": 0.2, "test_share": 0.1, "short_side": 20, "crop_size": 16}
    photos = FoldersDataModule(
        str(root / "good"), real_low=str(root / "dark"), cache=str(root / "cache"), num_workers=0, **options
    )
    return SemiSupervisedDataModule(pairs, photos)


@pytest.mark.filterwarnings("error")
@pytest.mark.filterwarnings("ignore:Found .* pairs of LOL")
def test_photos_that_have_nothing_to_do_with_the_test_set(folders: Path) -> None:
    data = ready(stored(folders))
    names = [fingerprint.name for fingerprint in data.trained_on()]
    assert names == ["v1/train", "v1/validation", "folder/high", "folder/real_low", "folder/validation"]
    assert "8 photos in" in data.describe()


def copied(folders: Path, source: str, folder: str) -> None:
    """Put an image of LOL among photos, under twelve names."""
    for number in range(12):
        if source == "low":
            values = pixels("eval151", SIZE) // 8
            write_photo(folders / folder / f"x{number}.png", values)
        else:
            larger = Image.fromarray(pixels("eval151", SIZE)).resize((60, 48))
            larger.save(folders / folder / f"x{number}.jpg", quality=90, subsampling=0)


@pytest.mark.parametrize(
    ("source", "folder", "key"),
    [("low", "dark", "unpaired.real_low"), ("low", "good", "unpaired.high"), ("target", "good", "unpaired.high")],
)
def test_a_test_image_among_the_photos_is_refused(folders: Path, source: str, folder: str, key: str) -> None:
    copied(folders, source, folder)
    data = stored(folders)
    data.unpaired = FoldersDataModule(  # holds nothing out: copies of a held-out photo are not trained on
        str(folders / "good"),
        real_low=str(folders / "dark"),
        cache=str(folders / "cache"),
        validation_share=0,
        test_share=0,
        real_low_validation_share=0,
        real_low_test_share=0,
        short_side=20,
        crop_size=16,
        num_workers=0,
    )
    message = rf"12 .*{key} .*v1/test.*x0"
    with pytest.raises(DRBNError, match=message):
        ready(data)


@pytest.mark.parametrize(("folder", "key"), [("dark", "unpaired.real_low"), ("good", "unpaired.high")])
def test_a_photo_like_a_dark_test_image_is_told_as_on_overlap_says(folders: Path, folder: str, key: str) -> None:
    there = [file.name for file in (folders / folder).iterdir()]
    names = [f"x{number}.jpg" for number in range(20)]
    name = next(name for name in names if roles([*there, name], 0.2, 0.2)[-1] == TRAINING)
    Image.fromarray(pixels("eval151", SIZE) // 8).save(folders / folder / name, quality=85)
    message = rf"1 of the photos in {key} .*v1/test.* {name[:-4]}"
    with pytest.warns(UserWarning, match=message):
        ready(stored(folders))
    data = stored(folders)
    data.on_overlap = "error"
    with pytest.raises(DRBNError, match=rf"{message}.*data\.on_overlap=warn"):
        ready(data)


def test_a_test_image_in_validation_alone_is_refused_too(folders: Path) -> None:
    name = next(iter(ready(stored(folders)).val_dataloader()[1])).name[0]
    write_photo(folders / "dark" / name, pixels("eval150", SIZE) // 8)
    with pytest.raises(DRBNError, match=rf"1 of .*unpaired\.real_low .*{Path(name).stem}"):
        ready(stored(folders))


def test_a_test_set_that_is_not_there_is_a_warning(folders: Path) -> None:
    (folders / "lol" / "eval15").rename(folders / "lol" / "away")
    with pytest.warns(UserWarning, match=r"LOL-v1 .*data\.root"):
        ready(stored(folders))


def test_there_must_be_dark_photos(folders: Path) -> None:
    photos = FoldersDataModule(str(folders / "good"), cache=str(folders / "cache"))
    with pytest.raises(DRBNError, match=r"unpaired\.real_low.*unpaired\.real_low=PATH"):
        SemiSupervisedDataModule(SyntheticDataModule(LowLightCamera()), photos)


def test_seeds_tell_runs_apart() -> None:
    loaders: list[Any] = [ready(scenes(seed=seed)).train_dataloader() for seed in (0, 1)]
    first, other = (next(iter(loader)) for loader in loaders)
    assert not np.array_equal(first.pairs.low.numpy(), other.pairs.low.numpy())
