"""Training a stage, from its configuration to its artifact."""

import logging
import os
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any, cast

import pytorch_lightning as pl
from omegaconf import DictConfig

from drbn_lightning.assembly import Experiment, build_experiment, describe_network
from drbn_lightning.callbacks.checkpoints import LAST
from drbn_lightning.callbacks.pruning import was_pruned
from drbn_lightning.checkpoints.artifact import HEADER, described, read
from drbn_lightning.data.leaks import check_seen
from drbn_lightning.errors import DRBNError
from drbn_lightning.files import remove_leftovers, written_beside
from drbn_lightning.overrides import typed
from drbn_lightning.runs.claims import held
from drbn_lightning.runs.provenance import provenance
from drbn_lightning.runs.record import finished_before, first_process, read_record, recorded
from drbn_lightning.tasks.mishaps import in_words
from drbn_lightning.tasks.resumption import require_same_images, require_same_samples
from drbn_lightning.terminal import say
from drbn_lightning.tracking.loggers import finish_logger_runs, go_on_logging

AUTO = "auto"
_EXPECTED = (  # warnings about what is meant
    ".*LeafSpec.*is deprecated",
    ".*does not have many workers",
    "Checkpoint directory .* exists",
    "Found .* in eval mode",
)


def train(config: DictConfig, stage_name: str, overrides: list[str], *, publish: bool) -> float | None:
    """Train one stage.

    Args:
        config: the configuration of `conf/train.yaml`.
        stage_name: the stage, such as `band`.
        overrides: what the user changed on the command line.
        publish: leave the artifact in `paths.artifacts` as well, if the run was a whole one.

    Returns:
        The best value of the monitored figure, a sweep's objective.

    Raises:
        DRBNError: something in the configuration or the data is wrong.
        RunInterruptedError: somebody asked the run to stop.
    """
    quieten()
    words = [word for word in overrides if not word.startswith("resume=")]
    folder = Path(config.paths.output_dir)
    if config.resume is None and os.environ.get("SLURM_RESTART_COUNT", "0") != "0":
        config.resume = AUTO  # SLURM has queued this job again
    if config.resume == AUTO and (before := finished_before(folder, words)) is not None:
        say(f"{folder} has finished before: best validation {before['monitor']}: {before['best']}")
        return cast("float | None", before["best"])
    resume = find_resume_point(config, stage_name, folder)
    if resume is not None:
        folder = resume.parent.parent
        config.paths.output_dir = str(folder)
    set_cooldown(config, resume)
    run_provenance = provenance(config, words)
    run_provenance |= {"stage": stage_name, "monitor": config.monitor.metric, "mode": config.monitor.mode, "best": None}
    if resume is not None:
        run_provenance["best"] = (read_record(folder) or {}).get("best")
    if config.print_config:
        say(run_provenance["config"])
    with held(folder), recorded(folder, run_provenance) as record:
        if first_process():
            remove_leftovers(folder, older=0)
        pl.seed_everything(config.seed, workers=True, verbose=False)
        experiment = build_experiment(config, stage_name, overrides)
        record["parameters"] = sum(parameter.numel() for parameter in experiment.network.parameters())
        best = _run(config, experiment, resume, publish=publish)
        record |= {"best": best, "steps": experiment.trainer.global_step}
        if was_pruned(experiment.trainer):
            record |= {"status": "pruned", "reason": "the sweep's pruner has ended it"}
    return best


def _run(config: DictConfig, experiment: Experiment, resume: Path | None, *, publish: bool) -> float | None:
    """Train and report."""
    if "LOCAL_RANK" not in os.environ:  # here already: what is wrong with the data is said before processes start
        experiment.data.prepare_data()
        experiment.data.setup("fit")
        check_seen(experiment.data, experiment.seen, "use another network")
        if resume is not None:
            require_same_images(resume, read(resume)[HEADER]["trained_on"], experiment.data.trained_on())
        say(f"{experiment.data.describe()}\nrun folder: {config.paths.output_dir}")
    _fit(experiment, resume)
    best = experiment.trainer.checkpoint_callback
    score = getattr(best, "best_model_score", None)
    if experiment.trainer.is_global_zero:
        _report(config, experiment, None if score is None else float(score), publish=publish)
    return None if score is None else float(score)


def find_resume_point(config: DictConfig, stage_name: str, folder: Path) -> Path | None:
    """The checkpoint to go on from; `resume` names it or the run's folder, or is `auto`: what `folder` holds, if any.

    Raises:
        DRBNError: there is none, it is another stage's or another network's, or its run saw other samples.
    """
    resume = config.resume
    if resume is None or (resume == AUTO and not (folder / "checkpoints" / LAST).exists()):
        return None
    path = folder if resume == AUTO else Path(resume)
    path = path / "checkpoints" / LAST if path.is_dir() else path
    content = read(path)
    if HEADER not in content or path.suffix != ".ckpt":
        raise DRBNError(f"resume={resume} cannot be continued: name a run's folder or its checkpoints/{LAST}")
    try:
        stage = content[HEADER]["stage"]
        if stage != stage_name:
            raise DRBNError(f"resume={resume} is a checkpoint of stage={stage}; say stage={stage}")
        before = str(content[HEADER]["provenance"]["config"])
    except (KeyError, TypeError) as error:
        raise DRBNError(f"the header of {path} is not whole ({error}); the file is damaged") from None
    network = described(path, content)
    wanted = describe_network(config, config.trains).completed()
    if network.target != wanted.target or network.completed() != wanted:
        raise DRBNError(f"{path} holds another network; repeat the options that its run had")
    require_same_samples(path, before, config)
    return path.resolve()


def set_cooldown(config: DictConfig, resume: Path | None) -> None:
    """End the run with the cool-down that `cooldown` asks for: a resumed one so many steps after it was left.

    A run that was left within that very cool-down keeps its end.

    Raises:
        DRBNError: the schedule has no cool-down.
    """
    steps = config.cooldown
    if not steps:
        return
    if not isinstance(steps, int) or steps < 0:
        raise DRBNError(f"cooldown is {steps!r}; give a number of steps")
    if "cooldown_steps" not in (config.stage.scheduler or {}):
        raise DRBNError("cooldown is set, and the schedule has none; choose stage.scheduler='${schedules.constant}'")
    if resume is None:
        return
    content = read(resume)
    done = int(content["global_step"])
    before: dict[str, Any] = next(iter(content.get("lr_schedulers", [])), {})
    end = before.get("total_steps", 0)
    within = before.get("cooldown_steps") == steps and end - steps <= done < end
    config.trainer.max_steps, config.trainer.max_epochs = int(end) if within else done + steps, -1


def quieten() -> None:
    """Leave out what Lightning says of itself in every run, and of what this package does on purpose."""
    for name in ("pytorch_lightning", "lightning_fabric", "lightning.pytorch"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in _EXPECTED:
        warnings.filterwarnings("ignore", message=message)


def _fit(experiment: Experiment, resume: Path | None) -> None:
    """Train, and leave the process as it was: signals, environment, W&B run, process group."""
    environment = dict(os.environ)
    if resume is not None:
        go_on_logging(experiment.trainer.loggers)
        experiment.trainer.ckpt_path = resume  # which a stage sees in `setup`, too
    try:
        experiment.trainer.fit(experiment.stage, datamodule=experiment.data, weights_only=True)
    except (RuntimeError, MemoryError) as error:
        if resume is not None and "state_dict" in str(error):
            raise DRBNError(f"{resume} holds another network; repeat the options that its run had") from None
        mishap = in_words(error)
        if mishap is not None:
            folder = experiment.artifact.parent
            raise DRBNError(f"{mishap}; go on by the same command with {typed('resume', folder)}") from error
        raise
    except ValueError as error:
        if resume is not None and "total steps" in str(error):
            raise DRBNError(
                f"{resume} belongs to a run whose learning-rate schedule has ended; repeat its options, "
                "trainer.max_epochs among them, or start anew"
            ) from None
        raise
    except SystemExit as end:  # what Lightning makes of an interruption while it does not train
        if isinstance(end.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise
    finally:
        finish_logger_runs(exit_code=int(sys.exception() is not None))
        if experiment.trainer.world_size > 1:
            leave_process_group(environment)


def leave_process_group(environment: dict[str, str]) -> None:
    """Undo what Lightning's launcher set up, so that the next job of a multirun starts afresh."""
    import torch.distributed as distributed

    if distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()
    for name in ("MASTER_ADDR", "MASTER_PORT", "NODE_RANK", "LOCAL_RANK", "WORLD_SIZE"):
        if name in environment:
            os.environ[name] = environment[name]
        else:
            os.environ.pop(name, None)


def _report(config: DictConfig, experiment: Experiment, score: float | None, *, publish: bool) -> None:
    """Say what came out and where it lies; make it the default for others where it is a whole run's."""
    if score is not None:
        say(f"best validation {config.callbacks.best.monitor}: {score:.4f}")
    say(f"artifact: {experiment.artifact}")
    trainer = experiment.trainer
    limit = trainer.limit_train_batches
    complete = limit == 1.0 and not isinstance(limit, int) and not trainer.fast_dev_run  # type: ignore[attr-defined]
    if publish and complete and experiment.artifact.exists():
        default = Path(config.paths.artifacts) / experiment.artifact.name
        remove_leftovers(default.parent)
        with written_beside(default) as beside:
            shutil.copyfile(experiment.artifact, beside)
        say(f"published as {default}; look at it: python -m drbn_lightning.evaluate {typed('checkpoint', default)}")
