"""The moving average of the weights, which validation, checkpoints and the artifact use."""

from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import WeightAveraging
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn


class MovingAverage(WeightAveraging):
    """Lightning's average of the weights after every step, exponential, with a decay that rises to its value.

    NOTE: with a constant decay of .998 the average of a run of 570 steps lagged so far behind that it cost 3 dB
    (`docs/ablation/`). So in step n the decay is at most n / (9 + n): the average never reaches back much further than
    a tenth of the run.
    """

    def __init__(self, decay: float = 0.998) -> None:
        """Set up the average.

        Args:
            decay: share of the average that stays at each step of a run that is long enough, in [0, 1).

        Raises:
            ValueError: `decay` is out of its range.
        """
        if not 0 <= decay < 1:
            raise ValueError(f"callbacks.ema.decay is {decay}; it must be at least 0 and below 1")
        super().__init__(multi_avg_fn=self._average)
        self.decay, self._step = decay, 0

    def on_train_batch_end(self, trainer: pl.Trainer, *arguments: Any, **more: Any) -> None:  # noqa: ANN401 as Lightning's
        """Note the step, which decides the decay; no GPU has to be asked for it."""
        self._step = trainer.global_step
        super().on_train_batch_end(trainer, *arguments, **more)

    def _average(self, averages: Sequence[Tensor], values: Sequence[Tensor], number: Tensor | int) -> None:
        """Move the averages, in place, towards the values of a step."""
        decay = min(self.decay, self._step / (9 + self._step))
        move = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]  # torch gives it no types
        move(tuple(averages), tuple(values), number)
