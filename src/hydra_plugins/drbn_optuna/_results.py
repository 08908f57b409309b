"""What a study has found, for people and for programs."""

from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from drbn_lightning.files import written_beside
from hydra_plugins.drbn_optuna._study import AGAIN, CUT_SHORT, Goal

RESULTS = "optimization_results.yaml"
FOLDER, REASON = "folder", "reason"  # attributes of a trial


def best_of(study: Study) -> FrozenTrial | None:
    """The best trial that was completed."""
    return study.best_trial if study.get_trials(states=(TrialState.COMPLETE,)) else None


def best_line(study: Study, goal: Goal) -> str:
    """The best trial in one line."""
    best = best_of(study)
    if best is None:
        return "no trial was completed"
    words = " ".join(f"{key}={value}" for key, value in best.params.items())
    return f"best trial: {best.number}, {goal.metric} {best.value:.4f}, {words}, folder {best.user_attrs[FOLDER]}"


def write_results(folder: Path, study: Study, goal: Goal) -> None:
    """Write all trials and the best of them to the sweep's folder."""
    best = best_of(study)
    results = {
        "name": "optuna",
        "metric": goal.metric,
        "direction": goal.direction,
        "best_trial": None if best is None else best.number,
        "best_value": None if best is None else best.value,
        "best_params": None if best is None else best.params,
        "best_folder": None if best is None else best.user_attrs[FOLDER],
        "trials": [_row(trial) for trial in study.get_trials(deepcopy=False) if trial.state != TrialState.WAITING],
    }
    with written_beside(folder / RESULTS) as beside:
        beside.write_text(OmegaConf.to_yaml(OmegaConf.create(results)), encoding="utf-8")


def _row(trial: FrozenTrial) -> dict[str, Any]:
    state = "cut short" if CUT_SHORT in trial.user_attrs else trial.state.name.lower()
    more = {name: trial.user_attrs[name] for name in (FOLDER, REASON, AGAIN) if name in trial.user_attrs}
    return {"trial": trial.number, "state": state, "value": trial.value, "params": trial.params, **more}
