"""From configuration to objects: the one place that calls `hydra.utils.instantiate`."""

import os
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import pytorch_lightning as pl
import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from torch import nn

from drbn_lightning.callbacks.publishing import Publisher
from drbn_lightning.data.base import PairDataModule
from drbn_lightning.errors import DRBNError
from drbn_lightning.networks.checkpoint import NetworkDescription, header


class Experiment(NamedTuple):
    """Everything that a run consists of; `artifact` is where it publishes its network."""

    data: PairDataModule
    stage: pl.LightningModule
    trainer: pl.Trainer
    artifact: Path


def build(config: DictConfig, key: str, **more: Any) -> Any:  # noqa: ANN401 whatever the configuration names
    """Instantiate one part of a configuration.

    Args:
        config: the whole configuration.
        key: the part, such as `network`.
        more: arguments that the configuration cannot name.

    Raises:
        DRBNError: the part does not fit its class, with the key.
    """
    try:
        return instantiate(config[key], _convert_="all", **more)
    except InstantiationException as error:
        cause = error.__cause__
        if isinstance(cause, DRBNError):
            raise cause from None
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        where = next((line.split(": ", 1)[1] for line in lines if line.startswith("full_key: ")), key)
        reason = str(cause).splitlines()[0] if cause is not None and str(cause) else " ".join(lines[:2])
        raise DRBNError(f"the configuration of {where} does not work: {reason}") from None
    except OmegaConfBaseException as error:
        raise DRBNError(f"the configuration of {key} does not work: {str(error).splitlines()[0]}") from None


def build_network(config: DictConfig) -> tuple[nn.Module, NetworkDescription]:
    """The network, and the description by which a checkpoint can build it again."""
    network = build(config, "network")
    arguments = OmegaConf.to_container(config.network, resolve=True)
    assert isinstance(arguments, dict)
    target = str(arguments.pop("_target_"))
    return network, NetworkDescription(target, {str(name): value for name, value in arguments.items()})


def build_data(config: DictConfig) -> PairDataModule:
    """The data module."""
    data = build(config, "data")
    assert isinstance(data, PairDataModule)
    return data


def build_experiment(config: DictConfig, stage_name: str, overrides: list[str]) -> Experiment:
    """Everything that a training run consists of.

    Args:
        config: the configuration of `conf/train.yaml`.
        stage_name: the stage that it trains.
        overrides: what the user changed on the command line, for the record.
    """
    for key in ("max_epochs", "max_steps"):
        if not isinstance(config.trainer[key], int | None):
            raise DRBNError(f"trainer.{key} is {config.trainer[key]!r}; give a whole number")
    data = build_data(config)
    network, description = build_network(config)
    stage = build(config, "stage", network=network)
    artifact = Path(config.paths.output_dir) / f"{stage_name}.pt"
    about = provenance(config, overrides)

    def make_header() -> dict[str, Any]:
        trained_on = [fingerprint.as_dict() for fingerprint in data.trained_on()]
        return header(stage_name, description, dict(about), trained_on)

    callbacks = [build(config.callbacks, name) for name, part in config.callbacks.items() if part is not None]
    loggers = [build(config.logger, name) for name, part in (config.logger or {}).items() if part is not None]
    trainer = build(config, "trainer", callbacks=[*callbacks, Publisher(artifact, make_header)], logger=loggers)
    return Experiment(data, stage, trainer, artifact)


def provenance(config: DictConfig, overrides: list[str]) -> dict[str, Any]:
    """Where a checkpoint came from, in plain values: versions, date, command line and the resolved configuration."""
    return {
        "version": version("drbn-lightning"),
        "commit": _commit(),
        "torch": str(torch.__version__),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "overrides": list(overrides),
        "seed": config.seed,
        "config": OmegaConf.to_yaml(config, resolve=True),
    }


def _commit() -> str | None:
    """The commit of a development checkout; None where the package is installed."""
    folder = Path(__file__).resolve().parents[2]
    if not (folder / ".git").exists():
        return None
    answer = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
    )
    return answer.stdout.strip() or None
