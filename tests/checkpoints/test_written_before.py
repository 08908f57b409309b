"""Files that earlier commits wrote still load; the name of each file says which commit."""

import shutil
from pathlib import Path

import pytest
import torch

from drbn_lightning.checkpoints.artifact import load, read
from drbn_lightning.errors import DRBNError
from drbn_lightning.tasks.train import train
from tests.running import composed

BEFORE = Path(__file__).parent / "written_before"
WORDS = (
    "stage=band",
    "trainer=smoke",
    "data.num_workers=0",
    "network.recursions=1",
    "network.base_channels=2",
    "network.growth_rate=1",
)


def test_an_artifact_loads_and_runs() -> None:
    artifact = load(BEFORE / "band_8229b2a.pt", "band")
    assert "guess_residual" not in artifact.description.arguments
    with torch.inference_mode():
        full = artifact.network(torch.rand(1, 3, 9, 14)).full
    assert full.shape == (1, 3, 9, 14)
    assert full.isfinite().all()


def test_a_run_goes_on(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoints" / "last.ckpt"
    checkpoint.parent.mkdir()
    shutil.copyfile(BEFORE / "last_8229b2a.ckpt", checkpoint)
    before = read(checkpoint)
    more = ("trainer.max_epochs=2", "trainer.max_steps=-1")
    train(composed(tmp_path, *WORDS, *more, f"resume={tmp_path}"), "band", list(WORDS), publish=False)
    after = read(checkpoint)
    assert (before["global_step"], after["global_step"]) == (2, 4)
    assert after["state_dict"].keys() == before["state_dict"].keys()
    assert load(tmp_path / "band.pt").description.arguments["guess_residual"] is False


def test_another_network_is_still_another(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoints" / "last.ckpt"
    checkpoint.parent.mkdir()
    shutil.copyfile(BEFORE / "last_8229b2a.ckpt", checkpoint)
    words = (*WORDS, "network.guess_residual=true", f"resume={tmp_path}")
    with pytest.raises(DRBNError, match=r"last\.ckpt"):
        train(composed(tmp_path, *words), "band", list(words), publish=False)
