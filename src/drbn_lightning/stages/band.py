"""Stage 1: recursive band learning from pairs (paper, section 3.2)."""

from typing import Any, cast

import torch
from torch import Tensor, nn
from torchmetrics import MeanMetric

from drbn_lightning.bands import Bands
from drbn_lightning.batches import PairBatch
from drbn_lightning.metrics.psnr import bounded_psnr
from drbn_lightning.metrics.ssim import ssim
from drbn_lightning.networks.first_guess import Guess
from drbn_lightning.networks.global_batch import part_of
from drbn_lightning.stages.base import Stage
from drbn_lightning.stages.guess_learning import SAMPLES, GuessErrors, teach_guess
from drbn_lightning.terminal import say


class BandLearning(Stage):
    """Trains a band network on pairs and validates it by PSNR and SSIM on whole validation images."""

    def __init__(
        self,
        network: nn.Module,
        loss: nn.Module,
        guess_weight: float = 0.0,
        guess_steps: int | None = None,
        **training: Any,  # noqa: ANN401 see Stage
    ) -> None:
        """Set the stage up.

        Args:
            network: maps `(low, thumbnail)` to `Bands`.
            loss: maps `(bands, normal)` to a dictionary of scalars, `loss` among them.
            guess_weight: weight of the mean absolute difference between the first guess of the WHOLE image and the
                whole target, both as thumbnails: it teaches a learned first guess brightness and colour directly.
            guess_steps: steps in which a learned first guess is taught by itself, anew, before the network, and after
                which it stays as it is; 0 keeps the one of `init` as it is, None trains it with the network.
            training: arguments of `Stage`.

        Raises:
            ValueError: `guess_weight` or `guess_steps` is set, and the network learns no first guess.
        """
        super().__init__(network, **training)
        for name, value in (("guess_weight", guess_weight), ("guess_steps", guess_steps)):
            if value and self._learned_guess() is None:
                raise ValueError(f"stage.{name} is set, which needs network.first_guess=learned")
        if guess_steps is not None and guess_steps < 0:
            raise ValueError(f"stage.guess_steps is {guess_steps}; give a number of steps, or null")
        self.loss, self.guess_weight, self.guess_steps = loss, guess_weight, guess_steps
        self._guess_errors: GuessErrors | None = None
        # NOTE: Lightning's own means over processes are wrong where their numbers of images differ.
        self.val_loss, self.val_psnr, self.val_ssim = (MeanMetric(nan_strategy="ignore") for _ in range(3))

    def setup(self, stage: str) -> None:
        """Teach the first guess, unless a resumed run has done so; before processes take over each other's weights."""
        guess = self._learned_guess()
        if stage == "fit" and self.guess_steps is not None and guess is not None:
            if self.guess_steps and self.trainer.ckpt_path is None:
                self._teach(guess, self.guess_steps)
            guess.requires_grad_(False).eval()
        super().setup(stage)

    def _teach(self, guess: Guess, steps: int) -> None:
        data = cast("Any", self.trainer).datamodule
        if self.trainer.is_global_zero:
            say(f"teaching the first guess: {steps} steps")
        low, normal = data.thumbnails(SAMPLES)
        self._guess_errors = teach_guess(guess, low, normal, steps, data.seed)
        if self.trainer.is_global_zero:
            before, after = self._guess_errors
            say(f"its mean absolute error on {len(low)} thumbnails: {before:.4f} before, {after:.4f} after")

    def on_train_start(self) -> None:
        """Log how well the first guess was taught."""
        if self._guess_errors is not None:
            self.log_dict({f"guess/{name}": value for name, value in self._guess_errors._asdict().items()})

    def forward(self, low: Tensor, thumbnail: Tensor | None = None) -> Bands:
        """Bands of low-light images `(N, 3, H, W)`; `thumbnail` as for `DRBN.forward`."""
        bands: Bands = self.network(self.ordered(low), thumbnail)
        return bands

    def training_step(self, batch: PairBatch, batch_idx: int) -> Tensor:
        """One step; logs every term of the loss and the PSNR of the crops."""
        bands = self(batch.low, batch.thumbnail)
        terms = self.loss(bands, batch.normal) | self.guess_terms(batch)
        with torch.no_grad():
            quality = bounded_psnr(bands.full, batch.normal).mean()
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
        guess = self._learned_guess()
        if not self.guess_weight or batch.normal_thumbnail is None or guess is None:
            return {}
        guessed = guess(batch.thumbnail, batch.thumbnail)
        return {"guess": (guessed - batch.normal_thumbnail).abs().mean()}

    def _learned_guess(self) -> Guess | None:
        guess = getattr(self.network, "guess", None)
        return guess if isinstance(guess, Guess) and guess.predictor is not None else None

    def validation_step(self, batch: PairBatch, batch_idx: int) -> dict[str, Bands]:
        """Validate one batch; the means over all processes weigh every image alike. The bands go to the callbacks."""
        bands = self(batch.low, batch.thumbnail)
        self.val_loss.update(self.loss(bands, batch.normal)["loss"], len(batch.low))
        self.val_psnr.update(bounded_psnr(bands.full, batch.normal))
        self.val_ssim.update(ssim(bands.full, batch.normal))
        self.log("val/psnr", self.val_psnr, prog_bar=True)
        self.log_dict({"val/loss": self.val_loss, "val/ssim": self.val_ssim})
        return {"bands": bands}
