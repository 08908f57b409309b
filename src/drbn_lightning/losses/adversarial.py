"""What discriminator and generator are after: by the paper's logarithm or by the released code's least squares."""

from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus


class Criterion(Protocol):
    """A pair of losses on the discriminator's logits, each `(N,)` of any N; the results are scalars."""

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """What the discriminator minimises."""

    def generator_loss(self, fake_logits: Tensor) -> Tensor:
        """What the generator minimises."""


class LogCriterion(nn.Module):
    """Cross entropy with the non-saturating generator (paper: L_Quality = -log D), in float32.

    Example:
        >>> LogCriterion().generator_loss(torch.zeros(4)).item()  # -log(1/2)
        0.6931471824645996
    """

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Mean of -log D over the real images and of -log(1 - D) over the fake ones, added."""
        return softplus(-real_logits.float()).mean() + softplus(fake_logits.float()).mean()

    def generator_loss(self, fake_logits: Tensor) -> Tensor:
        """Mean of -log D."""
        return softplus(-fake_logits.float()).mean()


class LeastSquaresCriterion(nn.Module):
    """Squared distance of D from soft labels (released code).

    In training each image draws its label from torch's global generator on the CPU; otherwise the labels are the
    middles of their ranges.

    Example:
        >>> criterion = LeastSquaresCriterion()
        >>> criterion.generator_loss(torch.zeros(4)).item()  # (1/2 - 1) squared
        0.25
    """

    def __init__(
        self,
        lowest_real: float = 0.7,
        highest_real: float = 1.2,
        lowest_fake: float = 0.0,
        highest_fake: float = 0.3,
        generator_target: float = 1.0,
    ) -> None:
        """Set the labels; the defaults are the released code's.

        Args:
            lowest_real: lowest label of a real image.
            highest_real: highest label of a real image.
            lowest_fake: lowest label of a fake image, before the discriminator.
            highest_fake: highest label of a fake image, before the discriminator.
            generator_target: label of a fake image, before the generator.

        Raises:
            ValueError: a range is empty.
        """
        super().__init__()
        for kind, low, high in (("real", lowest_real, highest_real), ("fake", lowest_fake, highest_fake)):
            if low > high:
                raise ValueError(f"criterion.lowest_{kind} is {low}, above criterion.highest_{kind}, {high}")
        self.lowest_real, self.highest_real = lowest_real, highest_real
        self.lowest_fake, self.highest_fake = lowest_fake, highest_fake
        self.generator_target = generator_target

    def discriminator_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """Mean squared distance of D from the real labels and from the fake ones, added."""
        real = self._distance(real_logits, self._labels(real_logits, self.lowest_real, self.highest_real))
        return real + self._distance(fake_logits, self._labels(fake_logits, self.lowest_fake, self.highest_fake))

    def generator_loss(self, fake_logits: Tensor) -> Tensor:
        """Mean squared distance of D from `generator_target`."""
        return self._distance(fake_logits, self.generator_target)

    def _labels(self, logits: Tensor, low: float, high: float) -> Tensor | float:
        if not self.training:
            return (low + high) / 2
        return low + (high - low) * torch.rand(logits.shape).to(logits.device)

    @staticmethod
    def _distance(logits: Tensor, labels: Tensor | float) -> Tensor:
        return (torch.sigmoid(logits.float()) - labels).square().mean()
