"""What the loggers hear of a run beside its figures: configuration, origin, lineage, best values."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import TensorBoardLogger, WandbLogger

from drbn_lightning.checkpoints.artifact import identity, load
from drbn_lightning.tracking.charts import BETTER, STEP


class Used(NamedTuple):
    """A published network of an earlier stage: its file and its identity (`checkpoints.artifact`)."""

    path: Path
    identity: str


class RunReport(Callback):
    """Tells the loggers what the run is; and W&B which data and networks it came from and what it published.

    Online, W&B draws the lineage from artifacts: data sets and networks of earlier stages go in, the published network
    comes out. Equal files are one artifact there, so stages find each other by content. Offline nothing can go in; what
    went in stands in the configuration under `lineage`, as digests, in every mode.
    """

    def __init__(
        self,
        artifact: Path,
        config: Mapping[str, Any],
        run: Mapping[str, Any],
        used: Mapping[str, Used],
        trained_on: Callable[[], list[dict[str, Any]]],
    ) -> None:
        """Set up the callback.

        Args:
            artifact: the file that the run publishes to, `<stage>.pt`.
            config: the resolved configuration, plain values.
            run: origin of the run: stage, versions, command line.
            used: networks of earlier stages, by stage.
            trained_on: gives the fingerprints of the data as plain values, when the data are known.
        """
        self.artifact, self.config, self.run, self.used = artifact, config, run, used
        self.trained_on = trained_on

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Tell every logger the configuration and the lineage, and W&B the data sets and networks as artifacts."""
        if not trainer.is_global_zero or not trainer.loggers:
            return
        datasets = self.trained_on()
        hyperparameters = {**self.config, "run": dict(self.run), "lineage": lineage(self.used, datasets)}
        for logger in trainer.loggers:
            logger.log_hyperparams(hyperparameters)
            if isinstance(logger, WandbLogger) and not logger.experiment.disabled:
                define_best(logger.experiment, self.config["monitor"])
                log_inputs(logger.experiment, self.used, datasets)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Give the published network to W&B, and its figures as the best of the run to W&B and TensorBoard."""
        if not trainer.is_global_zero or not trainer.loggers or not self.artifact.exists():
            return
        artifact = load(self.artifact)
        best, monitor = artifact.provenance, self.config["monitor"]["metric"]
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger) and monitor in best["figures"]:
                logger.log_metrics({"hp_metric": best["figures"][monitor]}, best["steps"])
            elif isinstance(logger, WandbLogger) and not logger.experiment.disabled:
                logger.experiment.summary.update(best_of(best))
                metadata = {**self.run, "identity": identity(artifact.network), **best_of(best)}
                log_network(logger.experiment, artifact.stage, self.artifact, metadata)


def lineage(used: Mapping[str, Used], datasets: list[dict[str, Any]]) -> dict[str, Any]:
    """What went into a run, as digests."""
    networks = {stage: {"path": str(network.path), "identity": network.identity} for stage, network in used.items()}
    return {**networks, "datasets": {dataset["name"]: dataset["identity"] for dataset in datasets}}


def best_of(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Figures of the published network, and when it was the best: `best/val/psnr`, `best/epoch` (from 1), ..."""
    figures = {f"best/{name}": value for name, value in provenance["figures"].items()}
    return {**figures, "best/epoch": provenance["epochs"] + 1, "best/step": provenance["steps"]}


def define_best(run: Any, monitor: Mapping[str, str]) -> None:  # noqa: ANN401 W&B's run
    """Have W&B keep the best and the last value of every figure of a validation."""
    for name, better in {**BETTER, monitor["metric"]: monitor["mode"]}.items():
        run.define_metric(name, step_metric=STEP, step_sync=True, summary=f"{better},last")


def log_inputs(run: Any, used: Mapping[str, Used], datasets: list[dict[str, Any]]) -> None:  # noqa: ANN401 W&B's run
    """Give W&B the fingerprints of the data, and online also the networks of earlier stages, as what the run uses."""
    import wandb

    for dataset in datasets:
        metadata = {"count": dataset["count"], "identity": dataset["identity"]}
        artifact = wandb.Artifact(artifact_name(dataset["name"]), type="dataset", metadata=metadata)
        file = Path(run.settings.sync_dir) / "datasets" / f"{artifact.name}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(dataset, indent=1), encoding="utf-8")
        artifact.add_file(str(file), name="fingerprint.json", policy="immutable")
        _take(run, artifact, dataset["identity"])
    for stage, network in used.items() if not run.offline else ():
        _take(run, network_artifact(stage, network.path, {"identity": network.identity}), network.identity)


def log_network(run: Any, stage: str, path: Path, metadata: Mapping[str, Any]) -> None:  # noqa: ANN401 W&B's run
    """Give W&B the published network, as what comes out of the run."""
    run.log_artifact(network_artifact(stage, path, metadata), aliases=["latest", metadata["identity"]])


def network_artifact(stage: str, path: Path, metadata: Mapping[str, Any]) -> Any:  # noqa: ANN401 W&B's artifact
    """A published network as W&B's artifact; its name is the stage's, its content the file, whoever made it."""
    import wandb

    artifact = wandb.Artifact(stage, type="model", metadata={"stage": stage, **metadata})
    artifact.add_file(str(path), name=f"{stage}.pt", policy="immutable")
    return artifact


def artifact_name(name: str) -> str:
    """The name of a data set as W&B takes it.

    Example:
        >>> artifact_name("synthetic/train")
        'synthetic-train'
    """
    return re.sub(r"[^A-Za-z0-9_.-]", "-", name)


def _take(run: Any, artifact: Any, alias: str) -> None:  # noqa: ANN401 W&B's run and artifact
    if run.offline:  # where nothing can be used: as what comes out, so that its content is kept
        run.log_artifact(artifact, aliases=["latest", alias])
    else:
        run.use_artifact(artifact, aliases=[alias])
