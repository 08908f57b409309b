"""The groups of stage 2: every file gives every argument of what it names, in plain values, and can be built."""

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hydra.utils import get_class, instantiate
from omegaconf import DictConfig, OmegaConf

from drbn_lightning import assembly
from drbn_lightning.bands import Bands
from drbn_lightning.data.datamodule import PairDataModule
from drbn_lightning.losses.adversarial import LeastSquaresCriterion, LogCriterion
from drbn_lightning.losses.perceptual import PerceptualLoss
from drbn_lightning.networks.bounded_recomposition import BoundedRecomposer
from drbn_lightning.networks.discriminator import Discriminator
from drbn_lightning.networks.recomposition import FlatRecomposer, UNetRecomposer, recompose_bands
from tests.golden import vgg_state
from tests.running import composed

CONF = Path(__file__).parents[1] / "conf"
CHOICES = {
    "discriminator/default": Discriminator,
    "discriminator/released": Discriminator,
    "recomposer/unet": UNetRecomposer,
    "recomposer/flat": FlatRecomposer,
    "recomposer/bounded": BoundedRecomposer,
    "criterion/log": LogCriterion,
    "criterion/least_squares": LeastSquaresCriterion,
    "perceptual/vgg16": PerceptualLoss,
}
GROUPS = sorted({choice.split("/")[0] for choice in CHOICES})
SAME_AS_IN_PYTHON = set(CHOICES) - {
    "discriminator/default",
    "discriminator/released",
    "perceptual/vgg16",
    "recomposer/bounded",  # checkpoints of before have no gain_limit, which is None in Python therefore
}


def values(choice: str) -> dict[str, Any]:
    loaded = OmegaConf.to_container(OmegaConf.load(CONF / f"{choice}.yaml"))
    assert isinstance(loaded, dict)
    return {str(key): value for key, value in loaded.items()}


def build(choice: str, **more: object) -> Any:  # noqa: ANN401 what the file names
    return instantiate(values(choice) | more, _convert_="all")


def test_no_file_is_left_out() -> None:
    choices = {f"{group}/{file.stem}" for group in GROUPS for file in (CONF / group).glob("*.yaml")}
    assert choices == {*CHOICES, "perceptual/none"}
    assert values("perceptual/none") == {}


@pytest.mark.parametrize("choice", CHOICES)
def test_every_argument_is_there(choice: str) -> None:
    own = values(choice)
    kind = get_class(own.pop("_target_"))
    assert kind is CHOICES[choice]
    wanted = inspect.signature(kind).parameters if "__init__" in vars(kind) else {}
    assert list(own) == list(wanted)
    if choice in SAME_AS_IN_PYTHON:
        assert own == {name: parameter.default for name, parameter in wanted.items()}


@torch.no_grad()
def test_the_discriminators_work() -> None:
    shipped, released = build("discriminator/default"), build("discriminator/released")
    assert sum(parameter.numel() for parameter in released.parameters()) == 4_691_329
    assert sum(parameter.numel() for parameter in shipped.parameters()) < 1_200_000
    assert shipped.reencoding is not None
    assert released.reencoding is None
    for network in (shipped, released):
        assert network.eval()(torch.rand(2, 3, 20, 20)).shape == (2,)


@pytest.mark.parametrize("choice", ["recomposer/unet", "recomposer/flat", "recomposer/bounded"])
@torch.no_grad()
def test_the_recomposers_work(choice: str) -> None:
    low = torch.rand(1, 3, 6, 5)
    preview = torch.rand(1, 3, 48, 48) if choice == "recomposer/bounded" else None
    bands = Bands(low, low[..., ::2, ::2], low[..., ::4, ::4])
    assert recompose_bands(build(choice), bands, low, preview).image.shape == low.shape


@pytest.mark.parametrize("choice", ["criterion/log", "criterion/least_squares"])
def test_the_criteria_work(choice: str) -> None:
    criterion = build(choice)
    assert isinstance(criterion, LogCriterion | LeastSquaresCriterion)
    assert criterion.discriminator_loss(torch.zeros(2), torch.zeros(3)).isfinite()


def test_the_perceptual_loss_works_with_a_file(tmp_path: Path) -> None:
    arrays: dict[str, Any] = {name: tensor.numpy() for name, tensor in vgg_state().items()}
    np.savez(tmp_path / "vgg.npz", **arrays)
    loss = build("perceptual/vgg16", weights=str(tmp_path / "vgg.npz"))
    assert loss(torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8)) > 0


@pytest.mark.parametrize("name", sorted(file.stem for file in (CONF / "test_sets").glob("*.yaml")))
def test_every_protocol_places_a_data_set_under_its_name(tmp_path: Path, name: str) -> None:
    config = composed(tmp_path, f"test_sets=[{name}]", f"root={tmp_path}", name="evaluate")
    (data,) = image_modules(config)
    assert isinstance(data, PairDataModule)
    assert list(config.datasets) == [name]
    assert name == "synthetic" or Path(config.datasets[name].root) == tmp_path


def test_protocols_come_together_each_with_a_root_of_its_own(tmp_path: Path) -> None:
    words = ("test_sets=[lol_v1,v2_real_89]", "root=here", "datasets.v2_real_89.root=there")
    config = composed(tmp_path, *words, name="evaluate")
    assert {name: data.root for name, data in config.datasets.items()} == {"lol_v1": "here", "v2_real_89": "there"}
    assert {name: data.release for name, data in config.datasets.items()} == {
        "lol_v1": "v1",
        "v2_real_89": "v2_real_89",
    }


def image_modules(config: DictConfig) -> list[object]:
    return [assembly.build(config.datasets, str(name)) for name in config.datasets]
