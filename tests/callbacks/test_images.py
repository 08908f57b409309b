import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
import wandb
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from drbn_lightning.assembly import build_data
from drbn_lightning.bands import Bands, ResidualBands
from drbn_lightning.batches import PairBatch, PhotoBatch
from drbn_lightning.callbacks.images import ValidationImages
from drbn_lightning.images.rgb import read_rgb
from drbn_lightning.networks.first_guess import thumbnails_of
from drbn_lightning.tasks.train import train
from drbn_lightning.tracking.loggers import finish_logger_runs
from drbn_lightning.visualization.panels import HEADING, sheet, stage2_panels
from tests.running import tiny, trainer

SIDE, PANELS = 32, 6  # pixels; input, three bands, result, target
SHOWN = ("callbacks.images.count=2", "data.validation_scenes=3", "trainer.max_epochs=2")


def trained(folder: Path, *overrides: str) -> Path:
    train(tiny(folder, *SHOWN, *overrides), "band", [], publish=False)
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("run"), "logger=tensorboard")


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keeps W&B from the network and from the home folder, and closes what a failing test leaves open."""
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    for name in ("WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    yield
    wandb.teardown()


def test_every_validation_leaves_its_first_images(run: Path) -> None:
    files = sorted(str(file.relative_to(run / "images")) for file in (run / "images").rglob("*.*"))
    assert files == [f"epoch_00{epoch}/scene_00{scene}.png" for epoch in (1, 2) for scene in (0, 1)]


def test_a_strip_has_the_input_first_and_the_target_last(run: Path) -> None:
    data = build_data(tiny(run, *SHOWN))
    data.setup("validate")
    for pair, name in zip(data.val_dataloader(), ("scene_000", "scene_001"), strict=False):
        strip = read_rgb(run / "images" / "epoch_002" / f"{name}.png")
        assert strip.shape == (SIDE + HEADING, SIDE * PANELS, 3)
        low, normal = ((side[0] * 255).round().byte().permute(1, 2, 0).numpy() for side in (pair.low, pair.normal))
        assert np.array_equal(strip[HEADING:, :SIDE], low)
        assert np.array_equal(strip[HEADING:, -SIDE:], normal)


def test_the_result_changes_from_epoch_to_epoch_and_the_input_does_not(run: Path) -> None:
    first, second = (read_rgb(run / "images" / f"epoch_00{n}" / "scene_000.png") for n in (1, 2))
    result = slice(4 * SIDE, 5 * SIDE)
    assert np.array_equal(first[:, :SIDE], second[:, :SIDE])
    assert not np.array_equal(first[HEADING:, result], second[HEADING:, result])


def test_tensorboard_receives_the_same_images(run: Path) -> None:
    (events,) = (run / "tensorboard").rglob("events.out.*")
    log = EventAccumulator(str(events), size_guidance={"images": 0})
    log.Reload()
    assert sorted(log.Tags()["images"]) == ["val/scene_000", "val/scene_001"]
    for scene in ("scene_000", "scene_001"):
        logged = log.Images(f"val/{scene}")
        assert [image.step for image in logged] == [4, 8]
        for number, image in enumerate(logged, start=1):
            on_disk = read_rgb(run / "images" / f"epoch_{number:03d}" / f"{scene}.png")
            with Image.open(io.BytesIO(image.encoded_image_string)) as decoded:
                assert np.array_equal(np.asarray(decoded), on_disk)
    assert "val/psnr" in log.Tags()["scalars"]


@pytest.mark.slow
def test_wandb_receives_the_same_images_and_is_finished(tmp_path: Path, offline: None) -> None:
    trained(tmp_path, "logger=wandb", "trainer.max_epochs=1")
    assert wandb.run is None
    (run_folder,) = (tmp_path / "wandb").glob("offline-run-*")
    assert list(run_folder.glob("*.wandb"))
    logged = {file.read_bytes() for file in run_folder.glob("files/media/images/images/*.png")}
    assert len(logged) == 2
    images = [np.asarray(Image.open(io.BytesIO(content))) for content in logged]
    for file in (tmp_path / "images" / "epoch_001").iterdir():
        assert any(np.array_equal(read_rgb(file), image) for image in images)


def test_finishing_without_a_run_is_no_error() -> None:
    assert wandb.run is None
    finish_logger_runs()


def test_none_where_none_are_wanted(tmp_path: Path) -> None:
    trained(tmp_path, "callbacks.images.count=0", "trainer.max_epochs=1")
    assert not (tmp_path / "images").exists()


def test_none_of_the_sanity_check(tmp_path: Path) -> None:
    rare = ("trainer.max_epochs=1", "trainer.check_val_every_n_epoch=2", "callbacks.last_validation=null")
    trained(tmp_path, "trainer.num_sanity_val_steps=1", *rare)
    assert not (tmp_path / "images").exists()


@pytest.mark.slow
def test_images_draw_no_random_number(run: Path, tmp_path: Path) -> None:
    trained(tmp_path, "callbacks.images=null")
    states = [torch.load(folder / "band.pt", weights_only=True)["state_dict"] for folder in (run, tmp_path)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


Show = Callable[[Tensor], Any]


class Showing(pl.LightningModule):
    """A stage that trains nothing and shows what it is told: of pairs, and of photos where there is a second loader."""

    def __init__(self, show: Show) -> None:
        super().__init__()
        self.weight, self.show = nn.Parameter(torch.ones(())), show

    def training_step(self, batch: object, batch_idx: int) -> Tensor:
        return self.weight**2

    def validation_step(self, batch: PairBatch | PhotoBatch, batch_idx: int, dataloader_idx: int = 0) -> Any:  # noqa: ANN401 whatever it is told
        return self.show(batch[0])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Given(Dataset[Any]):
    """A list as a data set."""

    def __init__(self, samples: list[Any]) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Any:  # noqa: ANN401 whatever it was given
        return self.samples[index]


def stage_1(low: Tensor) -> dict[str, Any]:
    return {"bands": Bands(low.sqrt(), low[..., ::2, ::2], low[..., ::4, ::4])}


def stage_2(low: Tensor) -> dict[str, Any]:
    maps = ResidualBands(0.9 + 0.2 * low, 1.5 - low, 2 * low)
    return stage_1(low) | {"recomposition_weights": maps, "recomposed": 1 - low, "chained": True}


def pairs(*names: str) -> PairBatch:
    low, normal = torch.rand(2, len(names), 3, 16, 24, generator=torch.Generator().manual_seed(len(names)))
    return PairBatch(low, normal, thumbnails_of(low), list(names))


def photos(*names: str) -> PhotoBatch:
    photo = torch.rand(len(names), 3, 20, 16, generator=torch.Generator().manual_seed(7))
    return PhotoBatch(photo, thumbnails_of(photo), torch.full((len(names),), torch.nan), ["real_low"], list(names))


def shown(folder: Path, show: Show, *loaders: list[Any], count: int = 4) -> list[str]:
    """The files that one epoch's validation of these loaders leaves."""
    images = ValidationImages(str(folder), count)
    showing = trainer(folder, enable_checkpointing=False, num_sanity_val_steps=1, callbacks=[images])
    loading = [DataLoader(Given(batches), batch_size=None) for batches in loaders]
    showing.fit(Showing(show), DataLoader(Given([0]), batch_size=None), loading if len(loading) > 1 else loading[0])
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*.*"))


def test_stage_2_shows_pairs_and_photos_in_folders_of_their_own(tmp_path: Path) -> None:
    batches = [pairs("a.png", "b.png"), pairs("c.png", "d.png")], [photos("a.png"), photos("e.jpg"), photos("f.jpg")]
    names = ["pairs/a", "pairs/b", "pairs/c", "photos/a", "photos/e", "photos/f"]
    assert shown(tmp_path, stage_2, *batches, count=3) == [f"epoch_001/{name}.png" for name in names]
    (pair, photo), name = (batches[0][0], batches[1][0]), "a.png"
    for batch, normal, folder in ((pair, pair.normal[0], "pairs"), (photo, None, "photos")):
        first = batch[0][:1]
        out = stage_2(first) | {"low": first[0], "recomposed": 1 - first[0], "normal": normal}
        expected = sheet(stage2_panels(**out))
        assert np.array_equal(read_rgb(tmp_path / "epoch_001" / folder / name), expected)


def test_one_loader_needs_no_folder(tmp_path: Path) -> None:
    assert shown(tmp_path, stage_2, [pairs("a.png")]) == ["epoch_001/a.png"]
    expected = (2 * (16 + HEADING), 5 * 24, 3)
    assert read_rgb(tmp_path / "epoch_001" / "a.png").shape == expected


def test_stage_1_shows_photos_without_a_target(tmp_path: Path) -> None:
    assert shown(tmp_path, stage_1, [photos("a.jpg")]) == ["epoch_001/a.png"]
    assert read_rgb(tmp_path / "epoch_001" / "a.png").shape == (20 + HEADING, 16 * (PANELS - 1), 3)


def test_images_of_the_same_stem_do_not_overwrite_each_other(tmp_path: Path) -> None:
    names = shown(tmp_path, stage_1, [pairs("a.png", "A.jpg"), pairs("a.jpg", "b.png")])
    assert names == sorted(f"epoch_001/{name}.png" for name in ("a", "A.jpg", "a.jpg_2", "b"))


@pytest.mark.parametrize("output", [None, torch.ones(()), {"loss": torch.ones(())}])
def test_a_stage_that_returns_no_bands_shows_nothing(tmp_path: Path, output: object) -> None:
    assert shown(tmp_path, lambda low: output, [pairs("a.png")], [photos("b.jpg")]) == []
