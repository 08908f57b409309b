"""What a sweep by Optuna and its jobs share: the study's storage, the pruner, and which trial a job is."""

import importlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from drbn_lightning.errors import DRBNError, reason_of

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.trial import Trial

VARIABLE = "DRBN_TRIAL"  # of the environment of a job that may be pruned
PRUNED = "pruned"  # attribute of a trial that its job has stopped
SAMPLERS = {"tpe": "TPESampler", "random": "RandomSampler", "grid": "RandomSampler", "qmc": "QMCSampler"}
PRUNERS = {
    "none": "NopPruner",
    "median": "MedianPruner",
    "percentile": "PercentilePruner",
    "halving": "SuccessiveHalvingPruner",
    "hyperband": "HyperbandPruner",
    "threshold": "ThresholdPruner",
}


class TrialAddress(NamedTuple):
    """Where a job finds its trial; travels to the job in the environment, as JSON."""

    storage: str
    study: str
    trial_id: int
    pruner: str
    pruner_options: dict[str, Any]

    @classmethod
    def of_this_job(cls) -> Self | None:
        """The trial that this process works for; None where there is none to report to."""
        text = os.environ.get(VARIABLE)
        return cls(**json.loads(text)) if text else None

    def as_text(self) -> str:
        """The address as it stands in the environment."""
        return json.dumps(self._asdict())

    def open(self) -> "Trial":
        """The trial, to report figures to."""
        optuna = import_optuna()
        study = optuna.load_study(
            study_name=self.study,
            storage=open_storage(self.storage),
            sampler=optuna.samplers.RandomSampler(),  # asked for nothing
            pruner=make_part("pruner", self.pruner, self.pruner_options),
        )
        trial: Trial = optuna.trial.Trial(study, self.trial_id)
        return trial


def import_optuna() -> ModuleType:
    """Import Optuna, without what it says in passing.

    Raises:
        DRBNError: it is not installed.
    """
    try:
        optuna = importlib.import_module("optuna")
    except ImportError:
        raise DRBNError(
            "hydra/sweeper=optuna needs Optuna, which is not installed: pip install 'drbn-lightning[sweep]'"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def open_storage(place: str) -> "BaseStorage":
    """Open the storage of a study.

    Args:
        place: the path of a journal file, or the URL of a database, such as `sqlite:///study.db`.

    Raises:
        DRBNError: it cannot be opened.
    """
    optuna = import_optuna()
    try:
        if re.match(r"[a-z0-9+]+://", place):
            return optuna.storages.get_storage(place)  # type: ignore[no-any-return]  # optuna is imported late
        Path(place).parent.mkdir(parents=True, exist_ok=True)
        journal = optuna.storages.journal.JournalFileBackend(place)
        return optuna.storages.JournalStorage(journal)  # type: ignore[no-any-return]  # as above
    except Exception as error:  # whatever the driver of a database raises
        raise DRBNError(f"hydra.sweeper.storage={place} cannot be opened: {reason_of(error)}") from None


def make_part(kind: str, name: str, options: Mapping[str, Any]) -> Any:  # noqa: ANN401 optuna is imported late
    """Make a sampler or a pruner.

    Args:
        kind: `sampler` or `pruner`.
        name: one of `SAMPLERS` or `PRUNERS`, or any class as `package.module.Class`.
        options: its arguments.

    Raises:
        DRBNError: there is none of that name, or the options do not fit.
    """
    optuna, classes = import_optuna(), SAMPLERS if kind == "sampler" else PRUNERS
    try:
        if name in classes:
            return getattr(getattr(optuna, f"{kind}s"), classes[name])(**options)
        module, _, attribute = name.rpartition(".")
        return getattr(importlib.import_module(module), attribute)(**options)
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        words = f"hydra.sweeper.{kind}={name} with {kind}_options={dict(options)}"
        choices = f"use one of {', '.join(classes)}, or package.module.Class"
        raise DRBNError(f"{words} does not work: {error}; {choices}") from None
