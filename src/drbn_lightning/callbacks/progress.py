"""The progress bar: loss, PSNR and the time that the whole run still takes."""

import time
from datetime import timedelta

import pytorch_lightning as pl
from pytorch_lightning.callbacks import TQDMProgressBar


class RunProgressBar(TQDMProgressBar):
    """Lightning's bar of an epoch, which also tells when the run will be over."""

    def __init__(self, refresh_rate: int = 5) -> None:
        """Set up the bar; `refresh_rate` is the number of steps between two updates."""
        super().__init__(refresh_rate=refresh_rate)
        self._started, self._first_step = 0.0, 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        super().on_train_start(trainer, pl_module)
        self._started, self._first_step = time.monotonic(), trainer.global_step

    def get_metrics(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule
    ) -> dict[str, int | str | float | dict[str, float]]:
        """The logged figures and `left`, hours:minutes:seconds."""
        figures = super().get_metrics(trainer, pl_module)
        figures.pop("v_num", None)
        done, total = trainer.global_step - self._first_step, trainer.estimated_stepping_batches
        if done > 0 and total != float("inf"):
            seconds = (time.monotonic() - self._started) / done * (total - trainer.global_step)
            figures["left"] = str(timedelta(seconds=max(0, round(seconds))))
        return figures
