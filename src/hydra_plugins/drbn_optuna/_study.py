"""The stored study: made or continued; trials that were cut short are tried again."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from optuna.study import Study, create_study
from optuna.trial import FrozenTrial, Trial, TrialState

from drbn_lightning.errors import DRBNError
from drbn_lightning.runs.claims import is_held
from drbn_lightning.runs.trials import make_part, open_storage
from hydra_plugins.drbn_optuna._space import Space

Direction = Literal["maximize", "minimize"]
DESCRIPTION = "about"  # attribute of a study: what it searches, by which figure
CUT_SHORT = "cut short"  # attribute of a failed trial that does not count
SWEEP = "sweep"  # attribute of a trial: the folder of the sweep that runs it
AGAIN = "again"  # attribute of a trial: the number of the one that it repeats
DEFAULT_TRIALS = 20


class Settings(NamedTuple):
    """The keys of `conf/hydra/sweeper/optuna.yaml`, without `params`."""

    n_trials: int | None = None
    n_jobs: int | None = None
    sampler: str = "tpe"
    seed: int | None = 0
    sampler_options: Mapping[str, Any] = {}
    pruner: str = "none"
    pruner_options: Mapping[str, Any] = {}
    storage: str | None = None
    study_name: str = "drbn"
    direction: str | None = None


class Goal(NamedTuple):
    """The figure that a study goes by, and whether to `maximize` or to `minimize` it."""

    metric: str
    direction: Direction


def open_study(settings: Settings, place: str, space: Space, goal: Goal, folder: Path) -> Study:
    """Make a study, or open the stored one and put what was cut short in line again.

    Args:
        settings: of the sweeper.
        place: the storage, for `open_storage`.
        space: what is searched.
        goal: what the study goes by.
        folder: of the sweep; others may work on the same study in theirs, and their trials are left alone.

    Raises:
        DRBNError: a setting does not work, or the stored study searches something else.
    """
    pruner = make_part("pruner", settings.pruner, settings.pruner_options)
    study = create_study(
        storage=open_storage(place),
        study_name=settings.study_name,
        direction=goal.direction,
        pruner=pruner,
        load_if_exists=True,
    )
    _check_same(study, place, space, goal)
    study.sampler = _sampler(settings, len(study.get_trials(deepcopy=False)))
    grid = settings.sampler == "grid"
    cut_short = _cut_short(study, folder, shared=settings.storage is not None)
    _try_again(study, cut_short, enqueue=not grid)
    if grid:
        _enqueue_grid(study, space)
    return study


def number_of_trials(settings: Settings, space: Space) -> int:
    """How many trials the study shall have in all."""
    points = sum(1 for _ in space.grid()) if settings.sampler == "grid" else DEFAULT_TRIALS
    return points if settings.n_trials is None else settings.n_trials


def counted(study: Study) -> list[FrozenTrial]:
    """The trials that have ended by themselves, well or not."""
    return [trial for trial in study.get_trials() if trial.state.is_finished() and CUT_SHORT not in trial.user_attrs]


def live(study: Study, trial: FrozenTrial) -> Trial:
    """A stored trial, to write to."""
    return Trial(study, trial._trial_id)


def _check_same(study: Study, place: str, space: Space, goal: Goal) -> None:
    """Refuse to mix studies."""
    description = {"searched": space.description(), "metric": goal.metric, "direction": goal.direction}
    before = study.user_attrs.get(DESCRIPTION)
    if before is None and not study.get_trials(deepcopy=False):
        study.set_user_attr(DESCRIPTION, description)
    elif before != description:
        different = [name for name, value in description.items() if before is None or before[name] != value]
        was = "unknown" if before is None else "; ".join(f"{name}: {before[name]}" for name in different)
        raise DRBNError(
            f"{place} holds a study of another {' and '.join(different)} ({was}); repeat the words of its sweep, or "
            "choose another hydra.sweep.dir or hydra.sweeper.study_name"
        )


def _sampler(settings: Settings, trials: int) -> Any:  # noqa: ANN401 optuna's base class says nothing more
    """The sampler; a resumed study draws on, and not the same points again."""
    seed = {} if settings.seed is None else {"seed": settings.seed + trials}
    return make_part("sampler", settings.sampler, {**seed, **settings.sampler_options})


def _cut_short(study: Study, folder: Path, *, shared: bool) -> list[FrozenTrial]:
    """The trials that ran when their sweep was stopped; a study that is not shared is that of its folder alone."""

    def is_cut_short(trial: FrozenTrial) -> bool:
        owner = Path(trial.user_attrs.get(SWEEP, folder))
        return not shared or owner.resolve() == folder.resolve() or not is_held(owner)

    return [trial for trial in study.get_trials(states=(TrialState.RUNNING,)) if is_cut_short(trial)]


def _try_again(study: Study, cut_short: list[FrozenTrial], *, enqueue: bool) -> None:
    """Fail trials that were cut short, and put their points in line."""
    for trial in cut_short:
        live(study, trial).set_user_attr(CUT_SHORT, True)
        study.tell(trial.number, state=TrialState.FAIL)
        if enqueue:
            study.enqueue_trial(trial.params, user_attrs={AGAIN: trial.number})


def _enqueue_grid(study: Study, space: Space) -> None:
    """Put all points of the grid in line that have been neither tried nor put there."""
    waiting = study.get_trials(states=(TrialState.WAITING,))
    there = [trial.params for trial in counted(study)] + [trial.system_attrs["fixed_params"] for trial in waiting]
    for point in space.grid():
        if point not in there:
            study.enqueue_trial(point)
