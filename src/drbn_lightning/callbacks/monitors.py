"""Figures of the training itself: norms of gradients, images per second, memory."""

import sys
import time
from collections.abc import Iterable

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from torch import Tensor, nn
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer

from drbn_lightning.batches import PairBatch, SemiSupervisedBatch, UnpairedBatch
from drbn_lightning.tracking.charts import GPU_MEMORY, GRADIENT_NORM, MEMORY, SPEED

GIB = 2**30


class GradientNorms(Callback):
    """Logs the norm of each network's gradients before they are clipped, without the factor of mixed precision.

    NOTE: Lightning's `grad_norm` gives a norm for every parameter, and one for all networks together.
    """

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Optimizer
    ) -> None:
        """Log a norm for each of the optimizer's groups: the trained network's first."""
        if not is_due(trainer, trainer.global_step + 1):
            return
        for number, group in enumerate(optimizer.param_groups):
            name = f"_{owner(pl_module, group['params'])}" if number else ""
            pl_module.log(f"{GRADIENT_NORM}{name}", gradient_norm(group["params"]))


class Speed(Callback):
    """Logs images per second of training, and memory at its peak.

    A pair counts once; time for validation does not count. The number is that of all processes, as if each had this
    one's share. Memory is that of the first process, without those that load data.

    NOTE: Lightning's `ThroughputMonitor` waits for the GPU in every step, and counts batches of one size only.
    """

    def __init__(self) -> None:
        """Start with nothing seen."""
        self._images, self._seconds, self._since = 0, 0.0, 0.0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        self._since = time.monotonic()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock again: validation is no training."""
        self._since = time.monotonic()

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: object,
        batch: PairBatch | UnpairedBatch | SemiSupervisedBatch,
        batch_idx: int,
    ) -> None:
        """Count, and log what was counted since the last time."""
        now = time.monotonic()
        self._images += images_in(batch)
        self._seconds += now - self._since
        self._since = now
        if is_due(trainer, trainer.global_step) and self._seconds > 0:
            figures = {SPEED: trainer.world_size * self._images / self._seconds, **memory(pl_module.device)}
            pl_module.log_dict(figures, batch_size=1)
            self._images, self._seconds = 0, 0.0


def is_due(trainer: pl.Trainer, step: int) -> bool:
    """Whether the loggers take figures of this step."""
    every: int = trainer.log_every_n_steps  # type: ignore[attr-defined]
    return every > 0 and step % every == 0


def gradient_norm(parameters: Iterable[nn.Parameter]) -> Tensor:
    """Euclidean norm of all gradients together, a scalar; it stays on the device."""
    return get_total_norm([parameter.grad for parameter in parameters if parameter.grad is not None])


def owner(module: nn.Module, parameters: list[nn.Parameter]) -> str:
    """Name of the part of a module that these parameters belong to."""
    children = module.named_children()
    return next(name for name, child in children if any(parameter is parameters[0] for parameter in child.parameters()))


def images_in(batch: PairBatch | UnpairedBatch | SemiSupervisedBatch) -> int:
    """How many images a training step learns from; a pair counts once."""
    if isinstance(batch, SemiSupervisedBatch):
        return images_in(batch.pairs) + images_in(batch.unpaired)
    if isinstance(batch, UnpairedBatch):
        return sum(len(photos) for photos in (batch.high_mos, batch.low_mos, batch.real_low) if photos is not None)
    return len(batch.low)


def memory(device: torch.device) -> dict[str, float]:
    """Memory of this process at its peak, and of the GPU where there is one, GiB."""
    peaks = {}
    if sys.platform != "win32":
        import resource  # not on Windows

        unit = 1 if sys.platform == "darwin" else 1024
        peaks[MEMORY] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / GIB
    if device.type == "cuda":
        peaks[GPU_MEMORY] = torch.cuda.max_memory_allocated(device) / GIB
    return peaks
