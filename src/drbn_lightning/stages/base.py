"""What the stages share: optimizer and schedule, batch norm over processes, randomness that a resumed run repeats."""

import inspect
import os
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from drbn_lightning.networks.synchronised import synchronise


class Stage(pl.LightningModule):
    """A stage trains one network, kept as `network`; what else it holds is frozen or trained beside it."""

    def __init__(
        self,
        network: nn.Module,
        optimizer: Callable[..., Optimizer],
        scheduler: Callable[..., LRScheduler] | None = None,
        scheduler_interval: Literal["step", "epoch"] = "step",
        channels_last: bool = False,
        compile: bool = False,
    ) -> None:
        """Set the stage up.

        Args:
            network: the network to train.
            optimizer: makes an optimizer of parameters.
            scheduler: makes a schedule of the optimizer; where it takes `total_steps` or `max_lr` it is given the run's
                length and the optimizer's learning rates.
            scheduler_interval: whether the schedule counts steps or epochs.
            channels_last: keep images and weights in channels-last order, which most machines run faster.
            compile: run the network through `torch.compile`.

        Raises:
            ValueError: there is no optimizer.
        """
        super().__init__()
        if optimizer is None:  # a configuration can say so
            raise ValueError("stage.optimizer is null; name one, such as torch.optim.Adam")
        self.network = network.to(memory_format=torch.channels_last) if channels_last else network
        self._optimizer, self._scheduler, self._interval = optimizer, scheduler, scheduler_interval
        self._memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self._compile = compile

    def setup(self, stage: str) -> None:
        """Synchronise batch norm over processes, and compile the network where asked to; names of parameters stay."""
        if self.trainer.world_size > 1:
            synchronise(self)
        if self._compile:
            self.network.compile()

    def on_train_batch_start(self, batch: object, batch_idx: int) -> None:
        """Make what a step draws a function of seed, epoch and step, so that a resumed run draws it again.

        All processes begin alike: what they draw for the whole batch is what one process would (`global_batch.draw`).
        """
        seed = int(os.environ.get("PL_GLOBAL_SEED", "0"))
        keys = [seed, self.current_epoch, batch_idx, 0]
        torch.manual_seed(int(np.random.SeedSequence(keys).generate_state(1)[0]))

    def ordered(self, image: Tensor) -> Tensor:
        """The image in the memory order that the networks run in."""
        return image.contiguous(memory_format=self._memory_format)

    def trainable_parameters(self) -> list[dict[str, Any]]:
        """Groups of parameters for the optimizer."""
        return [{"params": list(self.network.parameters())}]

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """The optimizer and, where there is one, its schedule."""
        optimizer = self._optimizer(self.trainable_parameters())
        if self._scheduler is None:
            return optimizer
        parameters = inspect.signature(self._scheduler).parameters
        arguments: dict[str, Any] = {}
        if "total_steps" in parameters:
            arguments["total_steps"] = self.trainer.estimated_stepping_batches
        if "max_lr" in parameters and parameters["max_lr"].default is inspect.Parameter.empty:
            arguments["max_lr"] = [group["lr"] for group in optimizer.param_groups]
        try:
            schedule = self._scheduler(optimizer, **arguments)
        except ZeroDivisionError:  # NOTE: torch's OneCycleLR fails where its warm-up is exactly one step long
            schedule = self._scheduler(optimizer, **arguments | {"total_steps": arguments["total_steps"] + 1})
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": self._interval, "name": "learning_rate"},
        }

    def log_loss(self, loss: Tensor, size: int) -> None:
        """Log the loss of a step, in which this process has `size` samples, as the mean over those of all processes."""
        several = self.trainer.world_size > 1
        self.log("train/loss", loss.detach(), prog_bar=True, batch_size=size, sync_dist=several)
