import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from drbn_lightning.checkpoints.official import name_map
from drbn_lightning.errors import DRBNError
from drbn_lightning.losses.band import BandLoss
from drbn_lightning.networks.drbn import DRBN
from tests.benchmarks.conftest import Script
from tests.running import TINY, TINY_SCENES


def run(script: Script, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["training.py", "--threads", "1", "--rounds", "2", *words])
    status: int = script("training").main()
    return status


def test_a_step_is_measured(script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "step.json"
    assert run(script, monkeypatch, "--size", "16", "--batch", "1", "--json", str(target)) == 0
    found = json.loads(target.read_text())
    assert found["benchmark"] == "training_step"
    assert len(found["results"]["ours"]["seconds"]) == 2


def test_the_peer_must_be_there(
    script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(script, monkeypatch, "--peer", str(tmp_path)) == 1
    assert "--weights" in capsys.readouterr().err
    with pytest.raises(DRBNError, match=r"--peer .* DRBL-stage1/src"):
        script("peer").released_loss(tmp_path)


class Released(DRBN):
    """Our network under the released names."""

    def named_parameters(self, *_: object, **__: object) -> Iterator[tuple[str, nn.Parameter]]:
        theirs = {ours: name for name, ours in name_map().items()}
        return ((theirs[name], parameter) for name, parameter in super().named_parameters())


def test_the_peers_step_must_be_the_same(script: Script) -> None:
    training = script("training")
    low, normal = training.images(1, 16, "cpu")
    released = Released(first_guess="input")
    state = DRBN.state_dict(released)
    loss = BandLoss(1.0, 1.0, "stride")

    def theirs(factor: float = 1.0) -> Tensor:
        value: Tensor = loss(DRBN.forward(released, low), normal)["loss"]
        return value * factor

    assert "losses differ by" in training.agreement(released, theirs, state, low, normal)
    with pytest.raises(DRBNError, match="another one"):
        training.agreement(released, lambda: theirs(1.01), state, low, normal)


def test_curves_vary_one_thing_at_a_time(script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    training, target = script("training"), tmp_path / "curves.json"
    small = {"size": (8, 12), "batch": (2,), "recursions": (1, 2), "threads": (1, 2)}
    monkeypatch.setattr(training, "CURVES", small)
    monkeypatch.setattr(training, "SMALL", {"size": 8, "batch": 1, "recursions": 1})
    assert run(script, monkeypatch, "--curves", "--json", str(target)) == 0
    names = list(json.loads(target.read_text())["results"])
    assert names == ["size 8", "size 12", "batch 2", "recursions 1", "recursions 2", "threads 1"]
    assert torch.get_num_threads() == 1


def test_an_epoch_is_that_of_a_training(script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "epoch.json"
    words = ["--epoch", "band", "--json", str(target), *TINY, *TINY_SCENES, "callbacks.images=null"]
    assert run(script, monkeypatch, *words) == 0
    assert len(json.loads(target.read_text())["results"]["epoch"]["seconds"]) == 2
