"""The loss of stage 2: what the recomposed image should share with the target, and what people should like in it."""

from collections.abc import Callable

from torch import Tensor, nn

from drbn_lightning.losses.band import ssim

Perceptual = Callable[[Tensor, Tensor], Tensor]


class RecompositionLoss(nn.Module):
    """L_Detail, L_Percept and L_Quality of the paper, each with its weight.

    NOTE: which terms the paper's lambda 3 (0.01) and lambda 4 (1) multiply is not in our sources. `experiment=paper`
    assumes L_Percept + lambda 3 L_Detail + lambda 4 L_Quality.
    """

    def __init__(
        self,
        detail_weight: float = 1.0,
        perceptual_weight: float = 1.0,
        quality_weight: float = 1.0,
        structure_weight: float = 0.0,
        perceptual: Perceptual | None = None,
    ) -> None:
        """Build the loss.

        Args:
            detail_weight: weight of L_Detail, minus SSIM.
            perceptual_weight: weight of L_Percept.
            quality_weight: weight of L_Quality.
            structure_weight: weight of minus SSIM between a recomposed photo without a target and stage 1's result of
                it (neither paper nor released code). Without it the recomposer learns patterns that please the
                discriminator and nobody else.
            perceptual: maps result and target to L_Percept; without it there is no such term.

        Raises:
            ValueError: a weight is negative.
        """
        super().__init__()
        if min(detail_weight, perceptual_weight, quality_weight, structure_weight) < 0:
            raise ValueError("stage.loss: a weight is negative; 0 leaves its term out")
        self.detail_weight, self.perceptual_weight = detail_weight, perceptual_weight
        self.quality_weight, self.structure_weight = quality_weight, structure_weight
        self.perceptual = perceptual if callable(perceptual) else None  # a configuration has a mapping for none

    def fidelity(self, image: Tensor, normal: Tensor) -> dict[str, Tensor]:
        """The weighted terms that compare recomposed images with their targets, both `(N, 3, H, W)`."""
        terms = {"detail": -self.detail_weight * ssim(image, normal)}
        if self.perceptual is not None and self.perceptual_weight:
            terms["perceptual"] = self.perceptual_weight * self.perceptual(image, normal)
        return terms

    def quality(self, generator_loss: Tensor) -> dict[str, Tensor]:
        """The weighted term that a discriminator gives, from the criterion's loss of the generator."""
        return {"quality": self.quality_weight * generator_loss}

    def loyalty(self, image: Tensor, full: Tensor) -> dict[str, Tensor]:
        """The weighted term that holds a recomposed photo to stage 1's result of it, both `(N, 3, H, W)`."""
        return {"structure": -self.structure_weight * ssim(image, full)} if self.structure_weight else {}
