"""Stops a trial of a sweep by Optuna that falls behind the others."""

from typing import TYPE_CHECKING

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from drbn_lightning.runs.trials import PRUNED, TrialAddress

if TYPE_CHECKING:
    from optuna.trial import Trial


class Pruning(Callback):
    """Reports the figure of every validation to the job's trial, and ends the run where the pruner says so.

    A run that is no trial, or whose sweep has no pruner, goes on as without this callback. A pruned run ends like a
    whole one, with its checkpoints and its network in its own folder.
    """

    def __init__(self, monitor: str) -> None:
        """Set up the callback; `monitor` is the figure that the sweep goes by, such as `val/psnr`."""
        self.monitor = monitor
        self.pruned, self._active, self._validations = False, False, 0
        self._trial: Trial | None = None

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Find the trial, in one process of a group."""
        address = TrialAddress.of_this_job()
        self._active, self._validations = address is not None, 0
        self._trial = address.open() if address is not None and trainer.is_global_zero else None

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Report, and stop all processes where the pruner says so."""
        if not self._active or trainer.sanity_checking:
            return
        stop = self._report(trainer)
        if trainer.world_size > 1:
            stop = trainer.strategy.reduce_boolean_decision(stop, all=False)
        trainer.should_stop = trainer.should_stop or stop

    def _report(self, trainer: pl.Trainer) -> bool:
        """Tell the trial the figure; whether the run shall stop."""
        if self._trial is None or self.monitor not in trainer.callback_metrics:
            return False
        self._validations += 1
        self._trial.report(float(trainer.callback_metrics[self.monitor]), self._validations)
        if not self._trial.should_prune():
            return False
        self._trial.set_user_attr(PRUNED, f"after validation {self._validations}")
        self.pruned = True
        return True


def was_pruned(trainer: pl.Trainer) -> bool:
    """Whether a pruner has ended this process's run."""
    callbacks = trainer.callbacks  # type: ignore[attr-defined]  # Lightning sets it elsewhere
    return any(isinstance(callback, Pruning) and callback.pruned for callback in callbacks)
