"""From configuration to objects: the one place that calls `hydra.utils.instantiate`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytorch_lightning as pl
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pytorch_lightning.callbacks import LearningRateMonitor
from torch import nn

from drbn_lightning.callbacks.publishing import Publisher
from drbn_lightning.checkpoints.artifact import NEEDS, Artifact, header, identity, load
from drbn_lightning.checkpoints.description import NetworkDescription
from drbn_lightning.checkpoints.initial import Initial, start_from
from drbn_lightning.data.datamodule import PairDataModule, SampleDataModule
from drbn_lightning.data.fingerprints import Fingerprint
from drbn_lightning.data.semi_supervised import SemiSupervisedDataModule
from drbn_lightning.data.unpaired.samples import UnpairedDataModule
from drbn_lightning.errors import DRBNError, OptionError, reason_of
from drbn_lightning.runs.labels import register
from drbn_lightning.runs.provenance import provenance
from drbn_lightning.tracking.lineage import RunReport, Used

register()  # names of runs, which the configuration of loggers asks for


class Experiment(NamedTuple):
    """Everything that a run consists of; `network` is what it trains, `artifact` where it publishes that.

    `seen` says what the networks that it starts from or uses were trained on, by the setting that names each.
    """

    data: SampleDataModule
    stage: pl.LightningModule
    network: nn.Module
    trainer: pl.Trainer
    artifact: Path
    seen: dict[str, list[Fingerprint]]


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
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        where = next((line.split(": ", 1)[1] for line in lines if line.startswith("full_key: ")), key)
        if isinstance(cause, OptionError):
            raise cause.below(where) from None
        if isinstance(cause, DRBNError):
            raise cause from None
        reason = str(cause).splitlines()[0] if cause is not None and str(cause) else " ".join(lines[:2])
        raise DRBNError(f"the configuration of {where} does not work: {reason}") from None
    except OmegaConfBaseException as error:
        raise DRBNError(f"the configuration of {key} does not work: {reason_of(error)}") from None


def build_network(config: DictConfig, key: str = "network") -> tuple[nn.Module, NetworkDescription]:
    """The network under a key, and the description by which a checkpoint can build it again."""
    return build(config, key), describe_network(config, key)


def describe_network(config: DictConfig, key: str = "network") -> NetworkDescription:
    """The description of the network under a key, which is not built."""
    arguments = OmegaConf.to_container(config[key], resolve=True)
    assert isinstance(arguments, dict)
    target = str(arguments.pop("_target_"))
    return NetworkDescription(target, {str(name): value for name, value in arguments.items()}).trusted()


def build_data(config: DictConfig) -> PairDataModule:
    """The data module of the pairs."""
    data = build(config, "data")
    assert isinstance(data, PairDataModule)
    return data


def build_unpaired(config: DictConfig) -> UnpairedDataModule:
    """The data module of the unpaired photos."""
    data = build(config, "unpaired")
    assert isinstance(data, UnpairedDataModule)
    return data


def build_sources(config: DictConfig) -> SampleDataModule:
    """The data module that a stage is trained on: pairs, unpaired photos or both.

    Raises:
        DRBNError: `sources` names neither.
    """
    makers: dict[tuple[str, ...], Callable[[], SampleDataModule]] = {
        ("data",): lambda: build_data(config),
        ("unpaired",): lambda: build_unpaired(config),
        ("data", "unpaired"): lambda: SemiSupervisedDataModule(
            build_data(config), build_unpaired(config), validates_on_pairs=config.trains != "discriminator"
        ),
    }
    sources = tuple(sorted(config.sources))
    if sources not in makers:
        raise DRBNError(f"sources is {list(config.sources)}; use [data], [unpaired] or [data,unpaired]")
    return makers[sources]()


def load_used(config: DictConfig) -> dict[str, Artifact]:
    """The published networks that a stage uses, by the stage that made them.

    Raises:
        DRBNError: one is missing; the message says which command makes it.
    """
    artifacts = {}
    for stage, place in config.uses.items():
        if place is None:
            continue
        if not Path(place).exists():
            without = f", or go without: uses.{stage}=null" if config.trains == "discriminator" else ""
            raise DRBNError(
                f"{place} does not exist yet: train it with `python -m drbn_lightning.train stage={stage}`, or name "
                f"another network by uses.{stage}=PATH{without}"
            )
        artifacts[str(stage)] = load(place, str(stage))
    return artifacts


def start(config: DictConfig, network: nn.Module, stage_name: str) -> Initial | None:
    """Fill the network with the weights that `init` names, if it does."""
    if config.init is None:
        return None
    return start_from(network, Path(config.init), stage_name, partial=config.init_partial)


def build_stage(config: DictConfig, network: nn.Module, used: dict[str, Artifact]) -> pl.LightningModule:
    """The LightningModule of a stage, with the networks that it uses."""
    more = {"band": used["band"].network} if "band" in used else {}
    if config.trains == "recomposer":
        more |= _adversary(config, used)
    stage = build(config, "stage", network=network, **more)
    assert isinstance(stage, pl.LightningModule)
    return stage


def _adversary(config: DictConfig, used: dict[str, Artifact]) -> dict[str, nn.Module]:
    """The discriminator of stage 2: the published one, or a new one where the adversary starts from scratch."""
    if config.adversary.mode == "none":
        return {}
    return {
        "discriminator": used["quality"].network if "quality" in used else build_network(config, "discriminator")[0]
    }


def _refuse_other_discriminator(config: DictConfig, used: dict[str, Artifact], overrides: list[str]) -> None:
    """Raise if the command line describes another discriminator than the published one that would be taken."""
    asked = [text for text in overrides if text.lstrip("+~").startswith("discriminator")]
    if not asked or "quality" not in used:
        return
    description = build_network(config, "discriminator")[1]
    if used["quality"].description != description:
        raise DRBNError(
            f"{asked[0]} has no effect: the discriminator comes from {config.uses.quality}, which is another one; "
            "train it so with stage=quality, or start a new one with adversary=scratch"
        )


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
    used = load_used(config)
    _refuse_other_discriminator(config, used, overrides)
    data = build_sources(config)
    network, description = build_network(config, config.trains)
    initial = start(config, network, stage_name)
    stage = build_stage(config, network, used)
    artifact = Path(config.paths.output_dir) / f"{stage_name}.pt"
    run_provenance = provenance(config, overrides)
    parents = {name: Used(Path(config.uses[name]), identity(other.network)) for name, other in used.items()}
    run_provenance["used"] = {name: parent.identity for name, parent in parents.items()}
    if initial is not None:
        run_provenance["initial"] = initial.provenance
    needs = {name: used[name].reference(Path(config.uses[name])) for name in NEEDS.get(stage_name, ()) if name in used}

    def own_data() -> list[dict[str, Any]]:
        return [fingerprint.as_dict() for fingerprint in data.trained_on()]

    def make_header() -> dict[str, Any]:
        trained_on = own_data()
        trained_on += [data for data in (initial.trained_on if initial else []) if data not in trained_on]
        for name in sorted(used.keys() - needs.keys()):  # what is not part of the network any more has still shaped it
            trained_on += [data for data in used[name].trained_on if data not in trained_on]
        return header(stage_name, description, dict(run_provenance), trained_on, needs)

    callbacks = [build(config.callbacks, name) for name, part in config.callbacks.items() if part is not None]
    loggers = [build(config.logger, name) for name, part in (config.get("logger") or {}).items() if part is not None]
    if not loggers:  # Lightning refuses what only loggers could take
        callbacks = [callback for callback in callbacks if not isinstance(callback, LearningRateMonitor)]
    origin = {"stage": stage_name} | {name: value for name, value in run_provenance.items() if name != "config"}
    report = RunReport(artifact, plain(config), origin, parents, own_data)
    last = [Publisher(artifact, make_header), report]
    trainer = build(config, "trainer", callbacks=[*callbacks, *last], logger=loggers)
    return Experiment(data, stage, network, trainer, artifact, _seen(config, used, initial))


def _seen(config: DictConfig, used: dict[str, Artifact], initial: Initial | None) -> dict[str, list[Fingerprint]]:
    """What earlier networks were trained on, by the setting that names each."""
    plain_by_setting = {f"uses.{name}={config.uses[name]}": artifact.trained_on for name, artifact in used.items()}
    if initial is not None:
        plain_by_setting[f"init={config.init}"] = initial.trained_on
    return {setting: [Fingerprint.from_dict(plain) for plain in seen] for setting, seen in plain_by_setting.items()}


def plain(config: DictConfig) -> dict[str, Any]:
    """The resolved configuration as plain values."""
    return cast(dict[str, Any], OmegaConf.to_container(config, resolve=True))
