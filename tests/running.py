"""What tests of training share: a tiny configuration that trains in a second or two."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from hydra import compose, initialize_config_module
from omegaconf import DictConfig
from torch import Tensor, nn
from torch.utils.data import DataLoader

from drbn_lightning.checkpoints.artifact import header, save
from drbn_lightning.checkpoints.description import NetworkDescription
from drbn_lightning.networks.discriminator import Discriminator
from drbn_lightning.networks.drbn import DRBN
from tests.golden import vgg_state

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


def all_same(same: Callable[[Any, Any], bool], first: Iterable[Any], second: Iterable[Any]) -> bool:
    """Whether two series agree item by item; they are equally long, and not empty."""
    both = list(zip(first, second, strict=True))
    return bool(both) and all(same(one, other) for one, other in both)


def trainer(folder: Path, **changes: Any) -> pl.Trainer:  # noqa: ANN401 whatever Lightning takes
    """A trainer for one epoch on the CPU that shows and logs nothing."""
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    settings: dict[str, Any] = {"default_root_dir": folder, "accelerator": "cpu", "max_epochs": 1} | quiet
    return pl.Trainer(**(settings | changes))


def loader(batches: Sequence[Any]) -> DataLoader[Any]:
    """A loader of batches as they are."""
    return DataLoader(batches, batch_size=None)  # type: ignore[arg-type]  # any sequence will do


TINY_PHOTOS = (
    "unpaired.length=8",
    "unpaired.batch_size=2",
    "unpaired.crop_size=16",
    "unpaired.short_side=24",
    "unpaired.validation_photos=6",
    "unpaired.test_photos=6",
    "unpaired.real_low_validation_photos=2",
    "unpaired.real_low_test_photos=2",
    "unpaired.num_workers=0",
)
TINY_NETWORKS = ("discriminator.base_channels=2", "recomposer.base_channels=4", "recomposer.growth_rate=2")


def tiny_photos(folder: Path, stage: str, *overrides: str) -> DictConfig:
    """A run of a stage that takes unpaired photos, on a few tiny scenes."""
    return composed(folder, f"stage={stage}", *TINY, *TINY_SCENES, *TINY_PHOTOS, *TINY_NETWORKS, *overrides)


def published(folder: Path, seed: int = 0) -> Path:
    """Untrained tiny networks of stage 1 and of the discriminator, as if they had been published to `folder`."""
    torch.manual_seed(seed)
    band = {"recursions": 1, "base_channels": 2, "growth_rate": 1}
    made: dict[str, tuple[str, dict[str, Any], nn.Module]] = {
        "band": ("drbn.DRBN", band, DRBN(**band)),  # type: ignore[arg-type]  # of several types
        "quality": ("discriminator.Discriminator", {"base_channels": 2}, Discriminator(base_channels=2)),
    }
    for stage, (name, arguments, network) in made.items():
        description = NetworkDescription(f"drbn_lightning.networks.{name}", arguments)
        save(folder / f"{stage}.pt", header(stage, description, {}, []), network.state_dict())
    return folder


def vgg_file(path: Path) -> Path:
    """A file of random weights in VGG16's shapes."""
    np.savez(path, **{name: tensor.numpy() for name, tensor in vgg_state().items()})  # type: ignore[arg-type]
    return path
