"""Stage 1: recursive band learning from pairs (paper, section 3.2)."""

import inspect
from collections.abc import Callable
from typing import Any, Literal

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.optim import Optimizer
from torchmetrics import MeanMetric

from drbn_lightning.bands import Bands
from drbn_lightning.batches import PairBatch
from drbn_lightning.metrics.fidelity import psnr, ssim


class BandLearning(pl.LightningModule):
    """Trains a band network on pairs and judges it by PSNR and SSIM on whole validation pictures."""

    def __init__(
        self,
        network: nn.Module,
        loss: nn.Module,
        optimizer: Callable[..., Optimizer],
        scheduler: Callable[..., torch.optim.lr_scheduler.LRScheduler] | None = None,
        scheduler_interval: Literal["step", "epoch"] = "step",
        channels_last: bool = False,
        compile: bool = False,
    ) -> None:
        """Set the stage up.

        Args:
            network: maps `(low, low_mean)` to `Bands`.
            loss: maps `(bands, normal)` to a dictionary of scalars, `loss` among them.
            optimizer: makes an optimizer of parameters.
            scheduler: makes a schedule of the optimizer; where it takes `total_steps` it is given the run's length.
            scheduler_interval: whether the schedule counts steps or epochs.
            channels_last: keep pictures and weights in channels-last order, which most machines run faster.
            compile: run the network through `torch.compile`.
        """
        super().__init__()
        self.network = network.to(memory_format=torch.channels_last) if channels_last else network
        self.loss = loss
        self._optimizer, self._scheduler, self._interval = optimizer, scheduler, scheduler_interval
        self._memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self._compile = compile
        # NOTE: Lightning's own means over processes are wrong where their numbers of pictures differ.
        self.val_loss, self.val_psnr, self.val_ssim = (MeanMetric(nan_strategy="ignore") for _ in range(3))

    def setup(self, stage: str) -> None:
        """Compile the network where asked to; the names of its parameters stay."""
        if self._compile:
            self.network.compile()

    def forward(self, low: Tensor, low_mean: Tensor | None = None) -> Bands:
        """Bands of low-light pictures `(N, 3, H, W)`; `low_mean` as for `DRBN.forward`."""
        bands: Bands = self.network(low.contiguous(memory_format=self._memory_format), low_mean)
        return bands

    def training_step(self, batch: PairBatch, batch_idx: int) -> Tensor:
        """One step; logs every term of the loss and the PSNR of the crops."""
        bands = self(batch.low, batch.low_mean)
        terms = self.loss(bands, batch.normal)
        with torch.no_grad():
            quality = psnr(bands.full, batch.normal).mean()
        size = len(batch.low)
        self.log("train/loss", terms["loss"].detach(), prog_bar=True, batch_size=size)
        self.log("train/psnr", quality, prog_bar=True, batch_size=size)
        parts = {f"train/{name}": value.detach() for name, value in terms.items() if name != "loss"}
        self.log_dict(parts, batch_size=size)
        loss: Tensor = terms["loss"] * self._share(size)
        return loss

    def validation_step(self, batch: PairBatch, batch_idx: int) -> dict[str, Bands]:
        """Judge one batch; the means over all processes weigh every picture alike. The bands go to the callbacks."""
        bands = self(batch.low, batch.low_mean)
        self.val_loss.update(self.loss(bands, batch.normal)["loss"], len(batch.low))
        self.val_psnr.update(psnr(bands.full, batch.normal))
        self.val_ssim.update(ssim(bands.full, batch.normal))
        self.log("val/psnr", self.val_psnr, prog_bar=True)
        self.log_dict({"val/loss": self.val_loss, "val/ssim": self.val_ssim})
        return {"bands": bands}

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """The optimizer and, where there is one, its schedule."""
        optimizer = self._optimizer(self.network.parameters())
        if self._scheduler is None:
            return optimizer
        arguments: dict[str, Any] = {}
        if "total_steps" in inspect.signature(self._scheduler).parameters:
            arguments["total_steps"] = self.trainer.estimated_stepping_batches
        schedule = self._scheduler(optimizer, **arguments)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": self._interval}}

    def _share(self, size: int) -> Tensor | float:
        """Weight that makes the mean over processes the mean over pictures, where their batches differ in size."""
        if self.trainer.world_size == 1:
            return 1.0
        sizes = torch.tensor(float(size), device=self.device)
        total = self.trainer.strategy.reduce(sizes, reduce_op="sum")
        return size * self.trainer.world_size / torch.as_tensor(total)
