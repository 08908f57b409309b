"""Checkpoints: the best one, and those to resume from, after every epoch, every few minutes and at Ctrl-C."""

import os
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytorch_lightning as pl
from lightning_fabric.utilities.types import _PATH
from pytorch_lightning.callbacks import Checkpoint, ModelCheckpoint
from pytorch_lightning.plugins.io import TorchCheckpointIO

from drbn_lightning.checkpoints.artifact import write
from drbn_lightning.errors import QueuedAgainError, RunInterruptedError
from drbn_lightning.terminal import REQUESTS_TO_END

LAST = "last.ckpt"
REQUEUE = signal.SIGUSR2
"""By which submitit hears that a job's time is nearly over, or that another job needs its place."""
REQUEUE_SECONDS = 60.0
"""How long the other processes of a job wait for the first one to queue it again."""


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes each checkpoint beside its place, then renames it: a run killed while it saves leaves the one before.

    NOTE: Lightning's own writes to the system's temporary folder and moves, which copies between file systems.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: _PATH, storage_options: object = None) -> None:
        """Write a checkpoint.

        Raises:
            DRBNError: the file cannot be written.
        """
        write(Path(path), checkpoint)


class BestCheckpoint(ModelCheckpoint):
    """Lightning's, which also goes on where the run's folder has been moved or renamed since.

    Lightning's own forgets its best figure there: the next validation would count as the best, however bad.
    """

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the state of a checkpoint, with its files where they lie now: in `dirpath`."""
        here = Path(str(self.dirpath))
        moved = {"dirpath": self.dirpath}
        for key in ("best_model_path", "kth_best_model_path", "last_model_path"):
            moved[key] = str(here / Path(state_dict[key]).name) if state_dict[key] else ""
        best = {str(here / Path(path).name): score for path, score in state_dict["best_k_models"].items()}
        super().load_state_dict({**state_dict, **moved, "best_k_models": best})


class ResumePoint(Checkpoint):
    """Keeps `last.ckpt` up to date, so that a killed or interrupted run can go on exactly.

    The first Ctrl-C, SIGTERM or loss of the terminal (SIGHUP, unless the process ignores it, as under nohup) ends the
    run after the step in progress, with a checkpoint; a second Ctrl-C or SIGTERM at once. So does SIGUSR2, by which a
    cluster says that a job's time is nearly over, where submitit listens to it: it queues the job again then.
    A `Checkpoint`, because Lightning calls these last: the moving average has been updated by then.
    """

    def __init__(self, folder: str, minutes: float = 5.0) -> None:
        """Set up the callback.

        Args:
            folder: where `last.ckpt` lies.
            minutes: longest time between two checkpoints within an epoch.
        """
        self.path = Path(folder) / LAST
        self.seconds = 60 * minutes
        self._saved = time.monotonic()
        self._stop, self._process = False, os.getpid()
        self._handlers: dict[int, Any] = {}
        self._queue_again: Callable[[], object] | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Listen for Ctrl-C and requests to end, in place of Lightning's own handlers."""
        self._saved, self._process = time.monotonic(), os.getpid()
        for number in (signal.SIGINT, *REQUESTS_TO_END):
            if number not in (signal.SIGINT, signal.SIGTERM) and signal.getsignal(number) is signal.SIG_IGN:
                continue
            self._handlers[number] = signal.signal(number, self._on_signal)
        requeue = signal.getsignal(REQUEUE)
        if callable(requeue):  # submitit's
            self._handlers[REQUEUE] = signal.signal(REQUEUE, self._on_signal)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Save when it is time, or when asked to stop; after an epoch's last step its end does that.

        NOTE: only where the optimizer has just stepped: a checkpoint holds no gradients that are still being summed up.
        """
        stop = any_process(trainer, self._stop)
        due = any_process(trainer, time.monotonic() - self._saved > self.seconds)
        stepped = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        if (stop or due) and stepped and not trainer.is_last_batch:
            self._save(trainer)
            self._leave(stop)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save after every epoch and its validation."""
        self._save(trainer)
        self._leave(any_process(trainer, self._stop))

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Give the signals back."""
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers.clear()

    def _save(self, trainer: pl.Trainer) -> None:
        trainer.save_checkpoint(self.path)
        self._saved = time.monotonic()

    def _leave(self, stop: bool) -> None:
        if stop and self._queue_again is not None:
            try:
                self._queue_again()
            except SystemExit as end:
                raise QueuedAgainError(end.code) from None
            time.sleep(REQUEUE_SECONDS)  # the first process of several is at it; who ends before would end the job
        if stop:
            raise RunInterruptedError(f"stopped as asked; the checkpoint is {self.path}")

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:
            return  # a loading process: the main one has heard it, or need not
        if self._stop and number not in (signal.SIGINT, signal.SIGTERM):
            return  # a lost terminal is said by itself and by the shell
        if self._stop:
            signal.signal(number, signal.SIG_DFL)
            raise KeyboardInterrupt
        self._stop = True
        if number == REQUEUE:
            self._queue_again = partial(self._handlers[REQUEUE], number, frame)
        if os.environ.get("LOCAL_RANK", "0") == "0":
            sys.stderr.write("\nstopping after this step, or after the validation that runs; again to stop at once\n")


def any_process(trainer: pl.Trainer, wish: bool) -> bool:
    """Whether any process wishes it: all must decide alike, or one would wait for ever."""
    return wish if trainer.world_size == 1 else trainer.strategy.reduce_boolean_decision(wish, all=False)
