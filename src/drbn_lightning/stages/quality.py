"""The discriminator on its own: what do people like? (paper, section 3.3; trained before stage 2)."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from drbn_lightning.batches import PhotoBatch, SemiSupervisedBatch, UnpairedBatch
from drbn_lightning.errors import DRBNError
from drbn_lightning.losses.adversarial import Criterion
from drbn_lightning.losses.ranking import ranking_loss
from drbn_lightning.metrics.pixels import to_8_bit
from drbn_lightning.metrics.ranking import auroc, spearman
from drbn_lightning.networks.frozen import Frozen
from drbn_lightning.networks.global_batch import Part, part_of, pooled
from drbn_lightning.stages.base import Stage
from drbn_lightning.stages.held_out import KINDS, HeldOutRatings, as_good_and_as_bad, require_both_sides, sides
from drbn_lightning.stages.real_images import RealImages, checked, chosen


class Group(NamedTuple):
    """Images of one kind: this process's own, and the places that all processes' take in the whole batch."""

    images: Tensor
    places: Sequence[int]


class QualityLearning(Stage):
    """Trains a discriminator to tell photos that people like from photos they dislike and from enhanced images."""

    def __init__(
        self,
        network: nn.Module,
        criterion: Criterion,
        band: nn.Module | None = None,
        enhanced_share: float = 1.0,
        real_images: RealImages = "photos",
        ranking_weight: float = 0.0,
        **training: Any,  # noqa: ANN401 see Stage
    ) -> None:
        """Set the stage up.

        Args:
            network: maps images `(N, 3, H, W)` to logits `(N,)`.
            criterion: the adversarial loss.
            band: the trained network of stage 1, whose results on real low-light photos are further fakes.
            enhanced_share: share of a batch's low-light photos that stage 1 enhances, above 0, at most 1: it costs more
                than all the rest of a step. As many others are fakes as they are; with 1 there are none.
            real_images: what the discriminator takes for real, see `stages.real_images`.
            ranking_weight: weight of `ranking_loss`, by which the logits of rated photos should be in the order of
                their scores (neither paper nor released code).
            training: arguments of `Stage`.

        Raises:
            ValueError: `enhanced_share` is out of its range, `real_images` is unknown, or `ranking_weight` is negative
                or has no photos to rank.
        """
        super().__init__(network, **training)
        if not 0 < enhanced_share <= 1:
            raise ValueError(f"stage.enhanced_share is {enhanced_share}; it must be above 0 and at most 1")
        if ranking_weight < 0 or (ranking_weight and real_images == "targets"):
            raise ValueError(
                f"stage.ranking_weight is {ranking_weight}; give 0 or more, and 0 with stage.real_images=targets"
            )
        self.enhanced_share, self.real_images = enhanced_share, checked(real_images)
        self.ranking_weight = ranking_weight
        self.criterion = criterion
        self.band = None if band is None else Frozen(band)
        self.ratings = HeldOutRatings()

    def forward(self, image: Tensor) -> Tensor:
        """Logits `(N,)` of images `(N, 3, H, W)`: the higher, the better the image."""
        logits: Tensor = self.network(self.ordered(image))
        return logits

    def training_step(self, batch: UnpairedBatch | SemiSupervisedBatch, batch_idx: int) -> Tensor:
        """One step on real images against the others."""
        pairs, unpaired = batch if isinstance(batch, SemiSupervisedBatch) else (None, batch)
        part = part_of(len(unpaired.high_mos))
        real = [Group(images, range(part.total)) for images in chosen(self.real_images, unpaired, pairs)]
        fake = [] if unpaired.low_mos is None else [Group(unpaired.low_mos, range(part.total))]
        fake += self.dark_fakes(unpaired, part)
        if not fake:
            raise DRBNError(
                "there is nothing to tell high-MOS photos from: give low-MOS photos, or real low-light photos "
                "(unpaired.real_low) and stage 1 (uses.band)"
            )
        real_logits, fake_logits = self.compare(real, fake, part)
        loss = self.criterion.discriminator_loss(real_logits, fake_logits)
        if self.ranking_weight:
            ranking = self.ranking(real_logits[: part.total], fake_logits[: part.total], unpaired, part)
            self.log("train/ranking", ranking.detach(), batch_size=part.sizes[part.rank])
            loss = loss + self.ranking_weight * ranking
        size = part.sizes[part.rank]
        self.log_loss(loss, size)
        figures = {"train/real": real_logits.sigmoid().mean(), "train/fake": fake_logits.sigmoid().mean()}
        self.log_dict({name: value.detach() for name, value in figures.items()}, prog_bar=True, batch_size=size)
        return loss

    def ranking(self, high: Tensor, low: Tensor, unpaired: UnpairedBatch, part: Part) -> Tensor:
        """The ranking loss over rated photos of all processes, from the logits `(N,)` of high-MOS and low-MOS ones."""
        own = (unpaired.high_score, unpaired.low_score)
        scores = [pooled(score, part, 1) for score in own if score is not None]
        if unpaired.low_mos is None or len(scores) != len(own) or torch.cat(scores).isnan().all():
            raise DRBNError("stage.ranking_weight needs low-MOS photos and scores of photos; give them, or set it to 0")
        return ranking_loss(torch.cat([high, low]), torch.cat(scores))

    def dark_fakes(self, unpaired: UnpairedBatch, part: Part) -> list[Group]:
        """Stage 1's results on a share of the whole batch's low-light photos, and as many of these as they are.

        NOTE: dark photos as they are: a discriminator that has seen none may take black for beautiful.
        """
        if self.band is None or unpaired.real_low is None:
            return []
        places, others = spread(part.total, self.enhanced_share)
        own, thumbnail = part.own(places), unpaired.real_low_thumbnail
        low = unpaired.real_low[own]
        images = self.enhanced(low, None if thumbnail is None else thumbnail[own]) if own else low.float()
        dark = [Group(unpaired.real_low[part.own(others)], others)] if others else []
        return [Group(images, places), *dark]

    @torch.no_grad()
    def enhanced(self, low: Tensor, thumbnail: Tensor | None) -> Tensor:
        """Stage 1's results, as a file would hold them: `(N, 3, H, W)`."""
        assert self.band is not None
        return to_8_bit(self.band(self.ordered(low), thumbnail).full.float())

    def compare(self, real: Sequence[Group], fake: Sequence[Group], part: Part) -> tuple[Tensor, Tensor]:
        """Logits of real and of fake images of all processes, by one pass where their sizes allow it.

        Only those of this process's own images have a gradient: that of the loss of the whole batch, once the mean over
        processes has been taken.

        NOTE: the released code passes them one after the other, and its batch norm sees one class at a time.
        """
        groups = [*real, *fake]
        images = [group.images for group in groups]
        if len({image.shape[1:] for image in images}) == 1:
            # Place by place, as one process has them: what a network draws for an image is the same then.
            places = torch.tensor([place for group in groups for place in part.own(group.places)])
            order = torch.argsort(places, stable=True).to(images[0].device)
            joined = self(torch.cat(images)[order])
            logits = joined[torch.argsort(order)].split([len(image) for image in images])
        else:
            logits = [self(image) for image in images]
        shares = [part.at(group.places) for group in groups]
        gathered = [pooled(own, share, len(share.sizes)) for own, share in zip(logits, shares, strict=True)]
        return torch.cat(gathered[: len(real)]), torch.cat(gathered[len(real) :])

    def validation_step(self, batch: PhotoBatch, batch_idx: int) -> None:
        """Score held-out photos as they are; low-light ones after stage 1."""
        low = [kind == "real_low" for kind in batch.kind]
        assert all(low) or not any(low), "a batch holds low-light photos or others"
        if all(low) and self.band is None:
            return
        image = self.enhanced(batch.photo, batch.thumbnail) if all(low) else batch.photo
        self.ratings.update(self(image), batch.mos, batch.kind)

    def on_validation_epoch_end(self) -> None:
        """Log AUROC (high-MOS against low-MOS, and against enhanced), rank correlation with MOS, and the loss.

        AUROC and rank correlation are logged by themselves for photos spoilt in ways that training never shows.

        Raises:
            DRBNError: the held-out photos lack one of the two sides.
        """
        logits, mos, kinds = self.ratings.compute()
        self.ratings.reset()
        if not self.trainer.sanity_checking:
            require_both_sides(kinds)
        figures = {f"val/{name}": value for name, value in self.evaluate(logits, mos, kinds).items()}
        defined = {name: value for name, value in figures.items() if not value.isnan() or name == "val/loss"}
        self.log_dict(defined, prog_bar=True)

    def evaluate(self, logits: Tensor, mos: Tensor, kinds: Tensor) -> dict[str, Tensor]:
        """Figures of held-out photos; those that these photos cannot give are NaN.

        Args:
            logits: `(N,)`.
            mos: `(N,)`, NaN where nobody voted.
            kinds: `(N,)`, numbers in `KINDS`.
        """
        high, low, enhanced = sides(kinds)
        unseen = kinds == KINDS.index("unseen")
        rated, fake = ~mos.isnan() & ~unseen, low | enhanced
        good, bad = as_good_and_as_bad(mos, high, low)
        loss = self.criterion.discriminator_loss(logits[high], logits[fake])
        return {
            "loss": loss.float(),
            "auroc": auroc(logits[high | low], high[high | low]),
            "auroc_enhanced": auroc(logits[high | enhanced], high[high | enhanced]),
            "spearman": spearman(logits[rated], mos[rated]),
            "auroc_unseen": auroc(logits[unseen & (good | bad)], good[unseen & (good | bad)]),
            "spearman_unseen": spearman(logits[unseen], mos[unseen]),
        }


def spread(total: int, share: float) -> tuple[list[int], list[int]]:
    """Choose a share of places, rounded up, evenly spread, and as many of the others, as far as there are.

    Example:
        >>> spread(8, 0.25)
        ([0, 4], [7, 3])
    """
    count = math.ceil(share * total)
    chosen = [number * total // count for number in range(count)]
    rest = sorted(set(range(total)) - set(chosen), reverse=True)
    others = min(count, len(rest))
    return chosen, [rest[number * len(rest) // others] for number in range(others)]
