"""The search: ask for trials, have the launcher run them, tell how they ended."""

import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import CompactHydraException
from omegaconf import DictConfig, OmegaConf
from optuna.study import Study
from optuna.trial import Trial, TrialState

from drbn_lightning.errors import DRBNError
from drbn_lightning.hydra_task import again
from drbn_lightning.overrides import quoted
from drbn_lightning.runs.trials import PRUNED, VARIABLE, TrialAddress
from drbn_lightning.terminal import INTERRUPTED, write_line
from hydra_plugins.drbn_optuna._results import FOLDER, REASON, best_line, write_results
from hydra_plugins.drbn_optuna._space import Space, read_space
from hydra_plugins.drbn_optuna._study import (
    SWEEP,
    Direction,
    Goal,
    Settings,
    counted,
    number_of_trials,
    open_study,
)

if TYPE_CHECKING:
    from hydra_plugins.drbn_optuna.sweeper import OptunaSweeper

JOURNAL = "study.journal"


class Search(NamedTuple):
    """All that a sweep needs."""

    sweeper: "OptunaSweeper"
    config: DictConfig
    folder: Path
    settings: Settings
    space: Space
    goal: Goal
    study: Study
    place: str

    def ask(self) -> Trial:
        """The next trial, marked as this sweep's."""
        trial = self.study.ask(self.space.searched)
        trial.set_user_attr(SWEEP, str(self.folder))
        return trial

    def overrides(self, trial: Trial) -> list[str]:
        """The command line of a trial; where trials may be pruned, it also says which trial this is."""
        words = self.space.overrides(trial.params)
        if self.settings.pruner == "none":
            return words
        options = dict(self.settings.pruner_options)
        name = self.settings.study_name
        address = TrialAddress(self.place, name, trial._trial_id, self.settings.pruner, options).as_text()
        return [*words, f"+hydra.job.env_set.{VARIABLE}={quoted(address)}"]


def sweep(sweeper: "OptunaSweeper", words: Sequence[str]) -> list[JobReturn]:
    """Complete a study to its number of trials, in a folder that `runs.launch.FolderClaim` holds.

    Args:
        sweeper: what Hydra has set up.
        words: the overrides, with what is to be searched.

    Returns:
        What the launcher says of the trials of this call.
    """
    config = sweeper.config
    assert config is not None
    folder = Path(config.hydra.sweep.dir).absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(config, folder / "multirun.yaml")
        return run(make_search(sweeper, config, folder, words))
    except DRBNError as error:
        raise CompactHydraException(f"error: {error}") from None


def make_search(sweeper: "OptunaSweeper", config: DictConfig, folder: Path, words: Sequence[str]) -> Search:
    """Understand the settings and open the study."""
    settings = Settings(**{name: plain(value) for name, value in sweeper.settings.items()})
    assert sweeper.hydra_context is not None
    space = read_space(words, sweeper.hydra_context.config_loader)
    goal = find_goal(sweeper, config, settings, space)
    place = settings.storage or str(folder / JOURNAL)
    place = place if "://" in place else str(Path(place).absolute())
    return Search(
        sweeper, config, folder, settings, space, goal, open_study(settings, place, space, goal, folder), place
    )


def plain(value: Any) -> Any:  # noqa: ANN401 whatever a configuration holds
    """A value of a configuration in Python's own types."""
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value


def find_goal(sweeper: "OptunaSweeper", config: DictConfig, settings: Settings, space: Space) -> Goal:
    """The figure that the task returns, and its direction, as the stage says.

    Raises:
        DRBNError: `hydra.sweeper.direction` is neither.
    """
    assert sweeper.hydra_context is not None
    words = space.overrides(space.firsts())
    monitor = sweeper.hydra_context.config_loader.load_sweep_config(config, words).monitor
    directions: dict[str, Direction] = {"max": "maximize", "min": "minimize"}
    directions |= {name: name for name in directions.values()}
    direction = settings.direction or monitor.mode
    if direction not in directions:
        raise DRBNError(f"hydra.sweeper.direction is {direction}; use maximize or minimize, or null for monitor.mode")
    return Goal(str(monitor.metric), directions[direction])


def run(search: Search) -> list[JobReturn]:
    """Run what is missing, report, and fail where a trial has failed."""
    wanted, size = number_of_trials(search.settings, search.space), batch_size(search)
    write_line(f"{len(counted(search.study))} of {wanted} trials have ended; folder: {search.folder}")
    jobs: list[JobReturn] = []
    failures: dict[int, str] = {}
    try:
        while (missing := wanted - len(counted(search.study))) > 0:
            trials = [search.ask() for _ in range(min(size, missing))]
            jobs += run_batch(search, trials, failures)
    except (KeyboardInterrupt, SystemExit):
        command = again(sys.argv[1:], "hydra.sweep.dir", search.folder)
        sys.stderr.write(f"\nstopped with {len(counted(search.study))} of {wanted} trials; go on with: {command}\n")
        sys.exit(INTERRUPTED)
    finally:
        write_results(search.folder, search.study, search.goal)
    write_line(best_line(search.study, search.goal))
    if failures:
        causes = "\n".join(f"  trial {number}: {cause}" for number, cause in failures.items())
        raise CompactHydraException(f"error: {len(failures)} of {wanted} trials failed:\n{causes}")
    return jobs


def batch_size(search: Search) -> int:
    """How many trials to hand to the launcher at once."""
    launcher = search.config.hydra.launcher
    number = search.settings.n_jobs if search.settings.n_jobs is not None else launcher.get("n_jobs", 1)
    return number if isinstance(number, int) and number > 0 else os.cpu_count() or 1


def run_batch(search: Search, trials: list[Trial], failures: dict[int, str]) -> list[JobReturn]:
    """Run some trials and tell the study how each ended.

    A job's number is its trial's, so each trial has a folder of its own, also in a study that was resumed; where
    another sweep takes trials of the same study in between, the numbers run on from the first's.
    """
    launcher = search.sweeper.launcher
    assert launcher is not None
    batch = [search.overrides(trial) for trial in trials]
    search.sweeper.validate_batch_is_legal(batch)
    try:
        jobs = list(launcher.launch(batch, initial_job_idx=trials[0].number))
    except Exception as error:  # of the launcher itself: a worker that was killed, a queue that refused the jobs
        jobs = [JobReturn(status=JobStatus.FAILED, overrides=words) for words in batch]
        for job in jobs:
            job.return_value = error
    for trial, job in zip(trials, jobs, strict=True):
        reason = tell(search, trial, job)
        if reason is not None:
            failures[trial.number] = reason
            write_line(f"trial {trial.number} failed: {reason}")
    return jobs


def tell(search: Search, trial: Trial, job: JobReturn) -> str | None:
    """Tell the study how a trial ended; the reason where it failed."""
    where = search.folder / str(trial.number) if job.hydra_cfg is None else job.hydra_cfg.hydra.runtime.output_dir
    trial.set_user_attr(FOLDER, str(where))
    try:
        value = job.return_value
        reason = None if value is not None and math.isfinite(value) else f"its {search.goal.metric} is {value}"
    except Exception as error:  # the job's own, raised by asking for its value
        value, reason = None, str(error).removeprefix("error: ") or type(error).__name__
    if reason is not None:
        trial.set_user_attr(REASON, reason)
        search.study.tell(trial, state=TrialState.FAIL)
    elif PRUNED in search.study.trials[trial.number].user_attrs:
        search.study.tell(trial, state=TrialState.PRUNED)
    else:
        search.study.tell(trial, value)
    return reason
