from pathlib import Path

import numpy as np
import pytest
import torch

from drbn_lightning.checkpoints import pretrained
from drbn_lightning.checkpoints.artifact import HEADER, header, identity, load, read, save
from drbn_lightning.checkpoints.description import NetworkDescription
from drbn_lightning.checkpoints.enhancement_model import load_model
from drbn_lightning.checkpoints.pretrained import SUMS, digest, pretrained_path
from drbn_lightning.errors import DRBNError
from drbn_lightning.inference import release
from drbn_lightning.inference.overlap import CANDIDATES
from drbn_lightning.inference.runtimes.onnx import open_onnx
from drbn_lightning.inference.runtimes.onnx_metadata import exported_properties
from drbn_lightning.names import ENHANCING_STAGES
from drbn_lightning.networks.drbn import DRBN
from tests.checkpoints.test_enhancement_model import band, recompose
from tests.inference.runtimes.exporting import example, full

LEARNED = {"recursions": 1, "base_channels": 2, "growth_rate": 1, "first_guess": "learned"}


@pytest.fixture(autouse=True)
def _small_scenes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "SIDE", 96)
    monkeypatch.setattr(release, "SCENES", 1)


def learned(path: Path, provenance: dict[str, object], seen: list[dict[str, object]]) -> Path:
    """Stage 1 whose first guess is learned, untrained, but with an adjustment that shows."""
    torch.manual_seed(1)
    network = DRBN(**LEARNED)  # type: ignore[arg-type]
    assert network.guess.predictor is not None
    torch.nn.init.normal_(network.guess.predictor.head[-1].weight)  # type: ignore[arg-type]
    description = NetworkDescription("drbn_lightning.networks.drbn.DRBN", LEARNED)
    save(path, header("band", description, provenance, seen), network.state_dict())
    return path


@pytest.mark.runtimes
@pytest.mark.slow
def test_new_networks_replace_the_old_ones_for_all_runtimes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pretrained, "weights_folder", lambda: tmp_path / "weights")
    monkeypatch.setattr(release, "weights_folder", lambda: tmp_path / "weights")
    seen: list[dict[str, object]] = [{"name": "a", "identity": "b"}]
    about = {"seed": 3, "config": f"root: {tmp_path}", "overrides": [f"data.root={tmp_path}"]}
    learned(tmp_path / "band.pt", about, seen)
    recompose(tmp_path / "recompose.pt", tmp_path / "band.pt")
    assert release.main([str(tmp_path), "--network", "new"]) == 0
    assert capsys.readouterr().out.count("written: ") == 2
    folder = pretrained.network_folder("new")
    for stage in ENHANCING_STAGES:
        path = pretrained_path(stage, folder)
        assert identity(load(path).network) == identity(load(tmp_path / path.name).network)
        assert str(tmp_path) not in str(read(path)[HEADER])
        model, exported = load_model(path), pretrained_path(stage, folder, suffix=".onnx")
        said = exported_properties(exported)
        assert said["checkpoint_sha256"] == digest(path)
        assert int(said["overlap"]) == model.overlap
        assert model.overlap in CANDIDATES
        low, thumbnail = example(1, 3, 40, 28)
        result = open_onnx(exported)(low.numpy(), thumbnail.numpy())
        assert np.abs(result - full(model, low, thumbnail).numpy()).max() <= 1e-4
    first = load_model(folder / "recompose.pt").parts["band"]
    assert (first.provenance, first.trained_on) == ({"seed": 3}, seen)

    sums = (folder / SUMS).read_text()
    for made in folder.glob("*.onnx"):
        made.unlink()
    assert release.main(["--network", "new"]) == 0  # from the checkpoints that are there
    assert (folder / SUMS).read_text() == sums


def test_a_stage_2_on_another_stage_1_is_not_pretrained(tmp_path: Path) -> None:
    recompose(tmp_path / "recompose.pt", band(tmp_path / "band.pt"))
    band(tmp_path / "band.pt", seed=1)
    with pytest.raises(DRBNError, match=r"recompose\.pt"):
        release.ship(tmp_path, tmp_path / "pretrained")
    assert not (tmp_path / "pretrained").exists()


def test_dark_scenes_are_dark_and_the_same_each_time() -> None:
    (low, thumbnail), (again, _) = [*release.dark_scenes(), *release.dark_scenes()]
    assert (low.shape, thumbnail.shape) == ((1, 3, 96, 96), (1, 3, 48, 48))
    assert np.array_equal(low, again)
    assert low.mean() < 0.2
