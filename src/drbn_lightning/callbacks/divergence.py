"""A run whose figures are not numbers any more: say so once, and stop before anything good is overwritten."""

import sys
from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback, ModelCheckpoint
from pytorch_lightning.loggers import WandbLogger
from torch import Tensor
from torch.optim import Optimizer

from drbn_lightning.callbacks.checkpoints import ResumePoint, any_process
from drbn_lightning.callbacks.monitors import gradient_norm, is_due
from drbn_lightning.errors import DRBNError

NEVER = -1
NORM = "the norm of the gradients"
ADVICE = (
    "try a lower stage.optimizer.lr, a lower trainer.gradient_clip_val or trainer.precision=32-true; "
    "callbacks.divergence.stop=false goes on all the same"
)


class Divergence(Callback):
    """Watches the loss, the gradients and the monitored figure of the validation.

    Every step is watched on its device, and looked at when the loggers take figures and before a checkpoint is written.
    So no step waits for a GPU, and no checkpoint holds weights from after the first step that went wrong.

    NOTE: With float16 (`16-mixed`) the scaler leaves out steps whose gradients are infinite, as it should; there only
    the loss counts.
    """

    def __init__(self, stop: bool = True) -> None:
        """Set up the callback.

        Args:
            stop: end the run; else only say so, and overwrite checkpoints as ever.
        """
        self.stop = stop
        self._first, self._told = dict[str, Tensor](), False

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Optimizer
    ) -> None:
        """Watch the gradients."""
        if trainer.precision != "16-mixed":
            parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
            self._watch(NORM, gradient_norm(parameters), trainer.global_step + 1)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, *_: object
    ) -> None:
        """Watch the loss, and look when it is time."""
        if isinstance(outputs, Mapping) and isinstance(outputs.get("loss"), Tensor):
            self._watch("train/loss", outputs["loss"], trainer.global_step)
        if is_due(trainer, trainer.global_step):
            self._look(trainer)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Look at the figure that chooses the best checkpoint."""
        if trainer.sanity_checking:
            return
        self._look(trainer)
        for monitor in {
            callback.monitor for callback in trainer.checkpoint_callbacks if isinstance(callback, ModelCheckpoint)
        }:
            value = trainer.callback_metrics.get(monitor or "")
            if value is not None and torch.isnan(value):
                self._tell(trainer, f"{monitor} is not a number after step {trainer.global_step}")

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Look before the checkpoint replaces the one before."""
        self._look(trainer)

    def _watch(self, name: str, value: Tensor, step: int) -> None:
        """Keep the first step whose value is not finite, without waiting for it."""
        first = self._first.get(name)
        if first is None:
            first = torch.full((), NEVER, device=value.device)
        self._first[name] = torch.where(value.detach().isfinite() | (first != NEVER), first, step)

    def _look(self, trainer: pl.Trainer) -> None:
        first_steps = {name: int(step) for name, step in self._first.items() if int(step) != NEVER}
        if any_process(trainer, bool(first_steps)):
            name = min(first_steps, key=lambda name: first_steps[name], default="train/loss of another process")
            self._tell(trainer, f"{name} is not finite since step {first_steps.get(name, trainer.global_step)}")

    def _tell(self, trainer: pl.Trainer, what: str) -> None:
        if self._told:
            return
        self._told = True
        message = f"{what}: the training has diverged{_last_checkpoint(trainer)}; {ADVICE}"
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                logger.experiment.alert(title="The training has diverged", text=message, level="ERROR")
        if self.stop:
            raise DRBNError(message)
        if trainer.is_global_zero:
            sys.stderr.write(f"warning: {message}\n")


def _last_checkpoint(trainer: pl.Trainer) -> str:
    """Where the last checkpoint lies, if there is one."""
    paths = [
        callback.path
        for callback in trainer.checkpoint_callbacks
        if isinstance(callback, ResumePoint) and callback.path.exists()
    ]
    return f" (the last checkpoint is {paths[0]})" if paths else ""
