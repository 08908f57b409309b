"""Stage 1: recursive band learning from pairs (paper, section 3.2)."""

from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics import MeanMetric

from drbn_lightning.bands import Bands
from drbn_lightning.batches import PairBatch
from drbn_lightning.metrics.psnr import psnr
from drbn_lightning.metrics.ssim import ssim
from drbn_lightning.networks.first_guess import Guess
from drbn_lightning.networks.global_batch import part_of
from drbn_lightning.stages.base import Stage


class BandLearning(Stage):
    """Trains a band network on pairs and validates it by PSNR and SSIM on whole validation images."""

    def __init__(
        self,
        network: nn.Module,
        loss: nn.Module,
        guess_weight: float = 0.0,
        **training: Any,  # noqa: ANN401 see Stage
    ) -> None:
        """Set the stage up.

        Args:
            network: maps `(low, thumbnail)` to `Bands`.
            loss: maps `(bands, normal)` to a dictionary of scalars, `loss` among them.
            guess_weight: weight of the mean absolute difference between the first guess of the WHOLE image and the
                whole target, both as thumbnails: it teaches a learned first guess brightness and colour directly.
            training: arguments of `Stage`.

        Raises:
            ValueError: `guess_weight` is set, and the network learns no first guess.
        """
        super().__init__(network, **training)
        guess = getattr(network, "guess", None)
        if guess_weight and not (isinstance(guess, Guess) and guess.kind == "learned"):
            raise ValueError("stage.guess_weight is set, which needs network.first_guess=learned")
        self.loss, self.guess_weight = loss, guess_weight
        # NOTE: Lightning's own means over processes are wrong where their numbers of images differ.
        self.val_loss, self.val_psnr, self.val_ssim = (MeanMetric(nan_strategy="ignore") for _ in range(3))

    def forward(self, low: Tensor, thumbnail: Tensor | None = None) -> Bands:
        """Bands of low-light images `(N, 3, H, W)`; `thumbnail` as for `DRBN.forward`."""
        bands: Bands = self.network(self.ordered(low), thumbnail)
        return bands

    def training_step(self, batch: PairBatch, batch_idx: int) -> Tensor:
        """One step; logs every term of the loss and the PSNR of the crops."""
        bands = self(batch.low, batch.thumbnail)
        terms = self.loss(bands, batch.normal) | self.guess_terms(batch)
        with torch.no_grad():
            quality = psnr(bands.full, batch.normal).mean()
        size = len(batch.low)
        weight = part_of(size).weight
        self.log_loss(terms["loss"] * weight, size)
        self.log("train/psnr", quality, prog_bar=True, batch_size=size)
        parts = {f"train/{name}": value.detach() for name, value in terms.items() if name != "loss"}
        self.log_dict(parts, batch_size=size)
        loss: Tensor = (terms["loss"] + self.guess_weight * terms.get("guess", 0.0)) * weight
        return loss

    def guess_terms(self, batch: PairBatch) -> dict[str, Tensor]:
        """How far the first guess of whole images is from their targets, where that is trained."""
        guess = getattr(self.network, "guess", None)
        if not self.guess_weight or batch.normal_thumbnail is None or not isinstance(guess, Guess):
            return {}
        guessed = guess(batch.thumbnail, batch.thumbnail)
        return {"guess": (guessed - batch.normal_thumbnail).abs().mean()}

    def validation_step(self, batch: PairBatch, batch_idx: int) -> dict[str, Bands]:
        """Validate one batch; the means over all processes weigh every image alike. The bands go to the callbacks."""
        bands = self(batch.low, batch.thumbnail)
        self.val_loss.update(self.loss(bands, batch.normal)["loss"], len(batch.low))
        self.val_psnr.update(psnr(bands.full, batch.normal))
        self.val_ssim.update(ssim(bands.full, batch.normal))
        self.log("val/psnr", self.val_psnr, prog_bar=True)
        self.log_dict({"val/loss": self.val_loss, "val/ssim": self.val_ssim})
        return {"bands": bands}
