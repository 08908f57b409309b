import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import wandb
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # type: ignore[import-untyped]

from drbn_lightning.assembly import build_data
from drbn_lightning.callbacks.loggers import finish_logger_runs
from drbn_lightning.image_files import read_rgb
from drbn_lightning.inference.panels import HEADING
from drbn_lightning.train import train
from tests.running import tiny

SIDE, PANELS = 32, 6  # pixels; input, three bands, result, target
SHOWN = ("callbacks.pictures.count=2", "data.validation_scenes=3", "trainer.max_epochs=2")


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


def test_every_validation_leaves_its_first_pictures(run: Path) -> None:
    found = sorted(str(file.relative_to(run / "pictures")) for file in (run / "pictures").rglob("*.*"))
    assert found == [f"epoch_00{epoch}/scene_00{scene}.png" for epoch in (1, 2) for scene in (0, 1)]


def test_a_strip_has_the_input_first_and_the_target_last(run: Path) -> None:
    data = build_data(tiny(run, *SHOWN))
    data.setup("validate")
    for pair, name in zip(data.val_dataloader(), ("scene_000", "scene_001"), strict=False):
        strip = read_rgb(run / "pictures" / "epoch_002" / f"{name}.png")
        assert strip.shape == (SIDE + HEADING, SIDE * PANELS, 3)
        low, normal = ((side[0] * 255).round().byte().permute(1, 2, 0).numpy() for side in (pair.low, pair.normal))
        assert np.array_equal(strip[HEADING:, :SIDE], low)
        assert np.array_equal(strip[HEADING:, -SIDE:], normal)


def test_the_result_changes_from_epoch_to_epoch_and_the_input_does_not(run: Path) -> None:
    first, second = (read_rgb(run / "pictures" / f"epoch_00{n}" / "scene_000.png") for n in (1, 2))
    result = slice(4 * SIDE, 5 * SIDE)
    assert np.array_equal(first[:, :SIDE], second[:, :SIDE])
    assert not np.array_equal(first[HEADING:, result], second[HEADING:, result])


def test_tensorboard_receives_the_same_pictures(run: Path) -> None:
    (events,) = (run / "tensorboard").rglob("events.out.*")
    log = EventAccumulator(str(events), size_guidance={"images": 0})
    log.Reload()
    assert sorted(log.Tags()["images"]) == ["val/scene_000", "val/scene_001"]
    for scene in ("scene_000", "scene_001"):
        logged = log.Images(f"val/{scene}")
        assert [image.step for image in logged] == [4, 8]
        for number, image in enumerate(logged, start=1):
            on_disk = read_rgb(run / "pictures" / f"epoch_{number:03d}" / f"{scene}.png")
            with Image.open(io.BytesIO(image.encoded_image_string)) as decoded:
                assert np.array_equal(np.asarray(decoded), on_disk)
    assert "val/psnr" in log.Tags()["scalars"]


def test_wandb_receives_the_same_pictures_and_is_finished(tmp_path: Path, offline: None) -> None:
    trained(tmp_path, "logger=wandb", "trainer.max_epochs=1")
    assert wandb.run is None
    (run_folder,) = (tmp_path / "wandb").glob("offline-run-*")
    assert list(run_folder.glob("*.wandb"))
    logged = {file.read_bytes() for file in run_folder.glob("files/media/images/val/*.png")}
    assert len(logged) == 2
    pictures = [np.asarray(Image.open(io.BytesIO(content))) for content in logged]
    for file in (tmp_path / "pictures" / "epoch_001").iterdir():
        assert any(np.array_equal(read_rgb(file), picture) for picture in pictures)


def test_finishing_without_a_run_is_no_error() -> None:
    assert wandb.run is None
    finish_logger_runs()


def test_none_where_none_are_wanted(tmp_path: Path) -> None:
    trained(tmp_path, "callbacks.pictures.count=0", "trainer.max_epochs=1")
    assert not (tmp_path / "pictures").exists()


def test_none_of_the_sanity_check(tmp_path: Path) -> None:
    trained(tmp_path, "trainer.num_sanity_val_steps=1", "trainer.max_epochs=1", "trainer.check_val_every_n_epoch=2")
    assert not (tmp_path / "pictures").exists()


def test_pictures_draw_no_random_number(run: Path, tmp_path: Path) -> None:
    trained(tmp_path, "callbacks.pictures=null")
    states = [torch.load(folder / "band.pt", weights_only=True)["state_dict"] for folder in (run, tmp_path)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
