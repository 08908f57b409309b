"""Stage 2: band recomposition towards what people like (paper, section 3.3)."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_, clip_grad_value_
from torch.optim import Optimizer
from torchmetrics import MeanMetric

from drbn_lightning.bands import Bands
from drbn_lightning.batches import PairBatch, PhotoBatch, SemiSupervisedBatch, UnpairedBatch
from drbn_lightning.errors import DRBNError
from drbn_lightning.losses.adversarial import Criterion
from drbn_lightning.losses.recomposition import RecompositionLoss
from drbn_lightning.metrics.psnr import bounded_psnr
from drbn_lightning.metrics.ssim import ssim
from drbn_lightning.networks.frozen import Frozen, without_parameter_gradients
from drbn_lightning.networks.global_batch import part_of, pooled
from drbn_lightning.networks.recomposition import Recomposed, is_chained, preview_of, recompose_bands
from drbn_lightning.stages.base import Stage
from drbn_lightning.stages.real_images import RealImages, checked, chosen

Adversary = Literal["joint", "frozen", "none"]
ScoringMode = Literal["eval", "train"]


class RecompositionLearning(Stage):
    """Trains a recomposer over a frozen band network, against a discriminator that may go on learning.

    One optimizer has two groups of parameters, the recomposer's and, with a joint adversary, the discriminator's. Each
    group gets gradients from its own loss only: the discriminator sees detached fakes, and while it scores for the
    recomposer its parameters take no gradient.

    NOTE: the released code updates one after the other; here both see the same recomposed images in one step. So
    mixed precision, accumulated gradients, several devices and the count of steps work as in the other stages.
    """

    def __init__(
        self,
        network: nn.Module,
        band: nn.Module,
        loss: RecompositionLoss,
        criterion: Criterion,
        discriminator: nn.Module | None = None,
        adversary: Adversary = "joint",
        discriminator_lr: float = 1e-6,
        scoring_mode: ScoringMode = "eval",
        real_images: RealImages = "photos",
        quality_on_pairs: bool = False,
        **training: Any,  # noqa: ANN401 see Stage
    ) -> None:
        """Set the stage up.

        Args:
            network: the recomposer; maps `(residuals, low)` to weights of the residual bands.
            band: the trained network of stage 1; it stays as it is, bit for bit.
            loss: the recomposer's loss.
            criterion: the adversarial loss.
            discriminator: maps images to logits; needed unless `adversary` is `none`. It learns in the mode in which
                it comes: a trained one in evaluation mode, so that its batch norm does not depend on batches of one
                or two; a new one in training mode.
            adversary: whether the discriminator goes on learning (`joint`, paper), stays as it is (`frozen`) or is
                left out (`none`).
            discriminator_lr: learning rate of a joint discriminator (paper and released code: 1e-6).
            scoring_mode: mode of a joint discriminator while it scores for the recomposer (released code: `train`, so
                that its batch norm sees the fakes alone, and learns from them).
            real_images: what a joint discriminator takes for real, see `stages.real_images`.
            quality_on_pairs: let the discriminator score the recomposed pairs too, not only the recomposed real
                low-light photos.
            training: arguments of `Stage`.

        Raises:
            ValueError: `adversary` or `scoring_mode` is unknown.
            DRBNError: `adversary` needs a discriminator and there is none.
        """
        super().__init__(network, **training)
        if adversary not in ("joint", "frozen", "none"):
            raise ValueError(f"stage.adversary is {adversary!r}; use 'joint', 'frozen' or 'none'")
        if scoring_mode not in ("eval", "train"):
            raise ValueError(f"stage.scoring_mode is {scoring_mode!r}; use 'eval' or 'train'")
        if adversary != "none" and discriminator is None:
            raise DRBNError(f"adversary={adversary} needs a discriminator; choose adversary=none to go without")
        self.band = Frozen(band)
        self.discriminator: nn.Module | None = None
        self.validating: nn.Module | None = None  # epochs are compared by a discriminator that does not move
        if discriminator is not None and adversary != "none":
            self.discriminator = discriminator if adversary == "joint" else Frozen(discriminator)
            if not discriminator.training:
                self.validating = Frozen(deepcopy(discriminator)) if adversary == "joint" else self.discriminator
        self.loss, self.criterion, self.adversary = loss, criterion, adversary
        self.discriminator_lr, self.scoring_mode = discriminator_lr, scoring_mode
        self.real_images, self.quality_on_pairs = checked(real_images), quality_on_pairs
        names = ("psnr", "ssim", "band_psnr", "band_ssim", "fidelity", "unpaired", "logit", "band_logit")
        self.figures = nn.ModuleDict({name: MeanMetric(nan_strategy="ignore") for name in names})

    def forward(self, low: Tensor, thumbnail: Tensor | None = None) -> tuple[Bands, Recomposed]:
        """Stage 1's bands of low-light images `(N, 3, H, W)`, without a gradient, and what stage 2 makes of them."""
        with torch.no_grad():
            low = self.ordered(low)
            bands: Bands = self.band(low, thumbnail)
            preview = preview_of(self.network, self.band, low, thumbnail)
        return bands, recompose_bands(self.network, bands, low, preview)

    def training_step(self, batch: PairBatch | SemiSupervisedBatch, batch_idx: int) -> Tensor:
        """One step of the recomposer, and of a joint discriminator."""
        pairs, unpaired = (batch.pairs, batch.unpaired) if isinstance(batch, SemiSupervisedBatch) else (batch, None)
        paired = self(pairs.low, pairs.thumbnail)[1].image
        terms = self.loss.fidelity(paired, pairs.normal)
        if self.discriminator is not None:
            terms |= self.adversarial_terms(paired, pairs, unpaired)
        loss = torch.stack([term.float() for term in terms.values()]).sum()
        size = len(pairs.low)
        loss = loss * part_of(size).weight
        self.log_loss(loss, size)
        self.log_dict({f"train/{name}": term.detach() for name, term in terms.items()}, batch_size=size)
        return loss

    def adversarial_terms(self, paired: Tensor, pairs: PairBatch, unpaired: UnpairedBatch | None) -> dict[str, Tensor]:
        """The recomposer's quality term and, with a joint adversary, the discriminator's own loss.

        Args:
            paired: recomposed images of `pairs`.
            pairs: the pairs.
            unpaired: photos without partners.

        Raises:
            DRBNError: there are no real low-light photos.
        """
        if unpaired is None or unpaired.real_low is None:
            raise DRBNError("stage=recompose with an adversary needs real low-light photos: set unpaired.real_low")
        bands, output = self(unpaired.real_low, unpaired.real_low_thumbnail)
        recomposed = output.image
        fakes = [recomposed, paired] if self.quality_on_pairs else [recomposed]
        own = {}
        if (
            self.adversary == "joint"
        ):  # first, for it moves batch norm's statistics, by which the opinions' gradient goes
            own["discriminator"] = self.discriminator_term(chosen(self.real_images, unpaired, pairs), fakes)
        assert self.discriminator is not None
        training = self.adversary == "joint" and self.scoring_mode == "train"
        logits = torch.cat([opinion(self.discriminator, self.ordered(fake), training=training) for fake in fakes])
        terms = self.loss.quality(self.criterion.generator_loss(logits)) | self.loss.loyalty(recomposed, bands.full)
        return terms | own

    def discriminator_term(self, reals: list[Tensor], fakes: list[Tensor]) -> Tensor:
        """The discriminator's loss on real images and on fakes that are cut off from the recomposer."""
        assert self.discriminator is not None
        real = [self.all_opinions(image) for image in reals]
        fake = [self.all_opinions(image.detach().clamp(0, 1)) for image in fakes]
        return self.criterion.discriminator_loss(torch.cat(real), torch.cat(fake))

    def all_opinions(self, image: Tensor) -> Tensor:
        """Logits of a learning discriminator for the images of all processes; the others' have no gradient here."""
        assert self.discriminator is not None
        part = part_of(len(image))
        # The loss is weighted by this process's share: the mean over processes must be that of the whole batch.
        return pooled(self.discriminator(self.ordered(image)), part, gain=len(part.sizes) / part.weight)

    def validation_step(
        self, batch: PairBatch | PhotoBatch, batch_idx: int, dataloader_idx: int = 0
    ) -> dict[str, object]:
        """Validate one batch of pairs, or of held-out real low-light photos; the images go to the callbacks."""
        if isinstance(batch, PairBatch):
            bands, recomposed = self(batch.low, batch.thumbnail)
            self._validate_pairs(batch, bands, recomposed)
        else:
            bands, recomposed = self(batch.photo, batch.thumbnail)
            self._validate_photos(bands, recomposed)
        weights, chained = recomposed.recomposition_weights, is_chained(self.network)
        return {"bands": bands, "recomposition_weights": weights, "recomposed": recomposed.image, "chained": chained}

    def on_validation_epoch_end(self) -> None:
        """Log the figures; the loss is the recomposer's, on the pairs and on the held-out photos."""
        means = {}
        for name, metric in self.figures.items():
            assert isinstance(metric, MeanMetric)
            if metric.update_called:
                means[f"val/{name}"] = metric.compute()
            metric.reset()
        means["val/loss"] = means["val/fidelity"] + means.get("val/unpaired", 0.0)
        self.log_dict(means)

    def trainable_parameters(self) -> list[dict[str, Any]]:
        """The recomposer's parameters and, with a joint adversary, the discriminator's at their own learning rate."""
        groups = super().trainable_parameters()
        if self.adversary == "joint" and self.discriminator is not None:
            own = {"lr": self.discriminator_lr, "constant": True}
            groups.append({"params": list(self.discriminator.parameters()), **own})
        return groups

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: int | float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip each network's gradients by themselves: the discriminator's must not shorten the recomposer's."""
        for group in optimizer.param_groups if gradient_clip_val else []:
            if gradient_clip_algorithm == "value":
                clip_grad_value_(group["params"], float(gradient_clip_val or 0))
            else:
                clip_grad_norm_(group["params"], float(gradient_clip_val or 0))

    def _validate_pairs(self, batch: PairBatch, bands: Bands, recomposed: Recomposed) -> None:
        image = recomposed.image
        values = {"psnr": bounded_psnr(image, batch.normal), "ssim": ssim(image, batch.normal)}
        values |= {"band_psnr": bounded_psnr(bands.full, batch.normal), "band_ssim": ssim(bands.full, batch.normal)}
        values["fidelity"] = torch.stack(list(self.loss.fidelity(image, batch.normal).values())).sum()
        self._add(values)

    def _validate_photos(self, bands: Bands, recomposed: Recomposed) -> None:
        """Score held-out photos; a discriminator that only begins to learn has no say in which epoch is best."""
        discriminator = self.validating or self.discriminator
        if discriminator is None:
            return
        before, after = (opinion(discriminator, self.ordered(image)) for image in (bands.full, recomposed.image))
        terms = self.loss.loyalty(recomposed.image, bands.full)
        if self.validating is not None:
            terms |= self.loss.quality(self.criterion.generator_loss(after))
        unpaired = torch.stack([*terms.values(), after.new_zeros(())]).sum()
        self._add({"logit": after, "band_logit": before, "unpaired": unpaired})

    def _add(self, values: dict[str, Tensor]) -> None:
        for name, value in values.items():
            metric = self.figures[name]
            assert isinstance(metric, MeanMetric)
            metric.update(value)


def opinion(discriminator: nn.Module, image: Tensor, *, training: bool = False) -> Tensor:
    """Logits `(N,)` of images whose gradient reaches these but not the discriminator, in evaluation mode or not."""
    with _in_mode(discriminator, training=training), without_parameter_gradients(discriminator):
        logits: Tensor = discriminator(image)
        return logits


@contextmanager
def _in_mode(network: nn.Module, *, training: bool) -> Iterator[None]:
    """Put a network into training or evaluation mode for a while."""
    before = network.training
    network.train(training)
    try:
        yield
    finally:
        network.train(before)
