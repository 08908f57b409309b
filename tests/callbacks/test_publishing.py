from pathlib import Path

import pytest
import torch

from drbn_lightning.checkpoints.artifact import FORMAT, HEADER, load
from drbn_lightning.tasks.train import train
from tests.running import equal, tiny, weights

EPOCHS, STEPS = 2, 4


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    words = (f"trainer.max_epochs={EPOCHS}", "callbacks.images=null", "seed=5")
    train(tiny(folder, *words), "band", ["seed=5"], publish=False)
    return folder


@pytest.mark.parametrize("name", ["checkpoints/last.ckpt", "checkpoints/best.ckpt", "band.pt"])
def test_every_file_says_where_it_came_from(run: Path, name: str) -> None:
    header = torch.load(run / name, weights_only=True)[HEADER]
    assert (header["format"], header["stage"]) == (FORMAT, "band")
    assert header["network"]["target"] == "drbn_lightning.networks.drbn.DRBN"
    assert header["network"]["arguments"]["base_channels"] == 4
    assert header["trained_on"][0]["name"] == "synthetic/train"
    provenance = header["provenance"]
    assert (provenance["seed"], provenance["overrides"]) == (5, ["seed=5"])
    assert f"max_epochs: {EPOCHS}" in provenance["config"]
    assert "${" not in provenance["config"]
    assert provenance["torch"] == str(torch.__version__)


def test_steps_and_figures_are_those_of_the_checkpoint(run: Path) -> None:
    last = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    provenance = last[HEADER]["provenance"]
    assert provenance["steps"] == last["global_step"] == EPOCHS * STEPS
    best = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)[HEADER]["provenance"]
    lines = (run / "csv" / "version_0" / "metrics.csv").read_text().splitlines()
    column = lines[0].split(",").index("val/psnr")
    validated = [float(line.split(",")[column]) for line in lines[1:] if line.split(",")[column]]
    assert len(validated) == EPOCHS
    assert best["figures"]["val/psnr"] == pytest.approx(max(validated))
    assert provenance["figures"]["val/psnr"] == pytest.approx(validated[-1])
    assert set(best["figures"]) == {"val/psnr", "val/ssim", "val/loss"}


def test_the_best_is_published(run: Path) -> None:
    best = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)[HEADER]["provenance"]
    assert load(run / "band.pt", "band").provenance == best


def test_without_validation_the_last_is_published(tmp_path: Path) -> None:
    words = ("trainer.max_epochs=1", "trainer.limit_val_batches=0", "callbacks.best=null", "callbacks.ema=null")
    train(tiny(tmp_path, *words, "callbacks.images=null"), "band", [], publish=False)
    last = weights(tmp_path / "checkpoints" / "last.ckpt")
    own = {name.removeprefix("network."): tensor for name, tensor in last.items() if name.startswith("network.")}
    assert equal(own, weights(tmp_path / "band.pt"))
    assert load(tmp_path / "band.pt").provenance["figures"] == {}


def test_without_any_checkpoint_nothing_is_published(tmp_path: Path) -> None:
    words = ("trainer.max_epochs=1", "callbacks.best=null", "callbacks.last=null", "callbacks.images=null")
    train(
        tiny(tmp_path, *words, "+trainer.enable_checkpointing=false", "stage.scheduler=null"), "band", [], publish=False
    )
    assert not list(tmp_path.rglob("*.pt"))
