"""What tests of training share: a tiny configuration that trains in a second or two."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from hydra import compose, initialize_config_module
from omegaconf import DictConfig
from torch import Tensor
from torch.utils.data import DataLoader

TINY = (
    "network.recursions=2",
    "network.base_channels=4",
    "network.growth_rate=2",
    "data.num_workers=0",
    "callbacks.progress=null",
    "trainer.accelerator=cpu",
    "trainer.enable_progress_bar=false",
)
TINY_SCENES = (
    "data.length=8",
    "data.batch_size=2",
    "data.crop_size=16",
    "data.scene_size=24",
    "data.validation_scenes=2",
    "data.test_scenes=2",
    "data.test_size=32",
)


def composed(folder: Path, *overrides: str, name: str = "train") -> DictConfig:
    """The configuration that a command line with these overrides gives, for a run in `folder`."""
    paths = [f"paths.output_dir={folder}", f"paths.artifacts={folder / 'artifacts'}", f"paths.cache={folder / 'cache'}"]
    with initialize_config_module("drbn_lightning.conf", version_base="1.3"):
        return compose(name, overrides=[*paths, *overrides])


def tiny(folder: Path, *overrides: str) -> DictConfig:
    """A run of stage 1 on a few tiny scenes."""
    return composed(folder, "stage=band", *TINY, *TINY_SCENES, *overrides)


def weights(checkpoint: Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint or artifact."""
    state: dict[str, Tensor] = torch.load(checkpoint, weights_only=True)["state_dict"]
    return state


def equal(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    """Whether two sets of tensors agree in every bit."""
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def loader(batches: Sequence[Any]) -> DataLoader[Any]:
    """A loader of batches as they are."""
    return DataLoader(batches, batch_size=None)  # type: ignore[arg-type]  # any sequence will do
