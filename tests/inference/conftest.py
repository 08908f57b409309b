"""Untrained weights of both stages for the tests of this folder."""

from pathlib import Path

import pytest
import torch

from drbn_lightning.checkpoints import pretrained
from drbn_lightning.checkpoints.artifact import header, load, save
from drbn_lightning.checkpoints.description import NetworkDescription
from drbn_lightning.networks.drbn import DRBN
from drbn_lightning.networks.recomposition import FlatRecomposer

BAND = {"recursions": 1, "base_channels": 4, "growth_rate": 2}
RECOMPOSER = {"channels": 4, "growth_rate": 2}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of untrained weights of both stages, with their digests."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("weights")
    for stage, kind, arguments in (("band", DRBN, BAND), ("recompose", FlatRecomposer, RECOMPOSER)):
        needs = {"band": load(folder / "band.pt").reference(folder / "band.pt")} if stage == "recompose" else {}
        description = NetworkDescription(f"{kind.__module__}.{kind.__name__}", dict(arguments))
        network = kind(**arguments)  # type: ignore[arg-type]
        save(folder / f"{stage}.pt", header(stage, description, {}, [], needs), network.state_dict())
    pretrained.record(folder)
    return folder
