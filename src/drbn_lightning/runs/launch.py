"""What a sweep needs before and around its jobs: its plugins, as many jobs at a time as fit, a device for each."""

import multiprocessing
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, Self

from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from drbn_lightning.errors import DRBNError
from drbn_lightning.files import UNWRITABLE
from drbn_lightning.overrides import quoted
from drbn_lightning.runs.claims import claimed, held, process_group
from drbn_lightning.runs.gpus import held_devices
from drbn_lightning.terminal import FAILED, complain

EXTRAS = {"hydra_joblib_launcher": "sweep", "hydra_submitit_launcher": "sweep", "hydra_ray_launcher": "ray"}
"""The extra that brings a launcher, by the package of its plugin."""
PARALLEL = "JoblibLauncher"


class FolderClaim(Callback):
    """Called by Hydra before a run or a sweep: what begins at the same second gets a folder of its own all the same."""

    def __init__(self) -> None:
        """Hold nothing yet."""
        self._held = ExitStack()

    def __reduce__(self) -> tuple[type[Self], tuple[()]]:
        """Travel to the processes of a launcher without what is held."""
        return type(self), ()

    def on_run_start(self, config: DictConfig, **_: Any) -> None:  # noqa: ANN401 whatever Hydra adds
        """Claim the run's folder, and see that its log can be written."""
        claim_folder(config, "run")
        with _one_line(), _known_to_hydra(config):
            require_log(config)

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:  # noqa: ANN401 whatever Hydra adds
        """Claim the sweep's folder, and hold it as long as the sweep lasts; each job holds its own."""
        claim_folder(config, "sweep")
        with _one_line():
            self._held.enter_context(held(Path(config.hydra.sweep.dir)))

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:  # noqa: ANN401 whatever Hydra adds
        """Let go of the sweep's folder."""
        self._held.close()


def claim_folder(config: DictConfig, kind: Literal["run", "sweep"]) -> None:
    """Make `hydra.run.dir` or `hydra.sweep.dir` a folder that nobody else has, where it is named after the time.

    A folder that the command line names stays as it is: it may be used again, to go on in it.
    """
    place, key = config.hydra[kind], f"hydra.{kind}.dir"
    pattern = str(OmegaConf.to_container(place, resolve=False)["dir"])  # type: ignore[call-overload,index]  # of texts
    words = config.hydra.overrides.hydra
    if "${now:" not in pattern or any(str(word).lstrip("+").startswith(f"{key}=") for word in words):
        return
    with _one_line(), _known_to_hydra(config):
        folder = str(claimed(Path(place.dir), process_group()))
    with read_write(place), read_write(config.hydra.overrides):
        place.dir = folder
        if kind == "sweep":
            words.append(f"{key}={quoted(folder)}")  # from these its jobs are composed


def require_log(config: DictConfig) -> None:
    """Begin the run's log, if it is to have one: Hydra, which opens it later, ends in a traceback where it cannot.

    Raises:
        OSError: the folder or the log cannot be written.
    """
    if "file" in (config.hydra.job_logging.get("handlers") or {}):
        folder = Path(config.hydra.run.dir)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{config.hydra.job.name}.log").open("ab").close()


@contextmanager
def _known_to_hydra(config: DictConfig) -> Iterator[None]:
    """Let `${hydra:...}` be resolved, which it is from the first job on only."""
    before = HydraConfig.instance().cfg
    HydraConfig.instance().set_config(config)
    try:
        yield
    finally:
        HydraConfig.instance().cfg = before


@contextmanager
def _one_line() -> Iterator[None]:
    """End the process with one line: Hydra turns an exception of a callback into a warning."""
    try:
        yield
    except DRBNError as error:
        complain(f"error: {error}")
        sys.exit(FAILED)
    except OSError as error:
        reason = UNWRITABLE.get(error.errno or 0, error.strerror)
        complain(f"error: {error.filename or 'the folder'} cannot be written: {reason}; choose another folder")
        sys.exit(FAILED)


class SweepStart(Callback):
    """Called by Hydra before a sweep: says what is not installed, and how many jobs run at a time."""

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:  # noqa: ANN401 whatever Hydra adds
        """Check the launcher, and fill in its number of jobs.

        Hydra turns an exception of a callback into a warning, so a missing plugin ends the process here.
        """
        launcher = config.hydra.launcher
        missing = missing_extra(launcher._target_)
        if missing is not None:
            choice = config.hydra.runtime.choices["hydra/launcher"]
            complain(f"error: hydra/launcher={choice} is not installed: pip install 'drbn-lightning[{missing}]'")
            sys.exit(FAILED)
        if launcher._target_.endswith(PARALLEL) and launcher.n_jobs is None:
            from joblib import cpu_count  # there, since the launcher is; knows the limits of containers

            with read_write(config), open_dict(config):
                launcher.n_jobs = jobs_at_a_time(config.trainer.devices, gpus_for(config.trainer) or cpu_count())


def missing_extra(target: str) -> str | None:
    """The extra that would bring a launcher; None where the launcher is there.

    Example:
        >>> missing_extra("hydra._internal.core_plugins.basic_launcher.BasicLauncher")
    """
    package = target.split(".")[1]
    there = package not in EXTRAS or find_spec(f"hydra_plugins.{package}") is not None
    return None if there else EXTRAS[package]


def gpus_for(trainer: DictConfig) -> int:
    """The number of GPUs that a run may use."""
    import torch  # there, since it takes seconds

    return 0 if trainer.accelerator == "cpu" else torch.cuda.device_count()


def jobs_at_a_time(devices: object, places: int) -> int:
    """How many jobs of so many devices fit on a machine's GPUs, or on its CPU cores where it has none.

    Example:
        >>> jobs_at_a_time(2, places=4)
        2
    """
    return max(1, places // devices) if isinstance(devices, int) and devices > 0 else 1


@contextmanager
def own_devices(config: DictConfig, hydra: HydraConf) -> Iterator[None]:
    """Give a job of a parallel sweep GPUs that no other job uses, where there is more than one.

    The job's `trainer.devices` becomes their indices, and so does that of the other processes of its group, which
    repeat `sys.argv`.
    """
    wanted, count = config.trainer.devices, gpus_for(config.trainer)
    parallel = hydra.mode is RunMode.MULTIRUN and str(hydra.launcher._target_).endswith(PARALLEL)
    if not parallel or not isinstance(wanted, int) or not 0 < wanted < count:
        yield
        return
    with held_devices(wanted, count, hydra.job.num) as devices:
        config.trainer.devices = devices
        sys.argv.append(f"trainer.devices={devices}".replace(" ", ""))
        yield


def start_processes_as_usual() -> None:
    """Undo what joblib does to its processes: theirs would start in joblib's way, which torch's loaders do not know."""
    usual = multiprocessing.get_all_start_methods()  # the first is this system's own
    if multiprocessing.get_start_method(allow_none=True) not in (None, *usual):
        multiprocessing.set_start_method(usual[0], force=True)


def refuse_sweep_without_multirun(config: DictConfig, hydra: HydraConf) -> None:
    """`sweep=NAME` means many runs; the process of a group and the rest of one job are single ones all the same.

    Raises:
        DRBNError: `-m` was forgotten.
    """
    chosen = hydra.runtime.choices.get("sweep")
    if chosen and hydra.mode is RunMode.RUN and config.resume in (None, "auto") and "LOCAL_RANK" not in os.environ:
        raise DRBNError(
            f"sweep={chosen} is a sweep: say `python -m drbn_lightning.train -m sweep={chosen} ...`, or leave it out"
        )
