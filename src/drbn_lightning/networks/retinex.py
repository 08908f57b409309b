"""A small Retinex network, to compare DRBN with: decompose, adjust the light, multiply back.

Legend of dimensions: N images, C = 3 colours, H x W full resolution.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from drbn_lightning.bands import Bands, targets
from drbn_lightning.networks.blocks import DenseBlock, ImageHead, convolution
from drbn_lightning.networks.drbn import BandUNet, pad_to_quarters
from drbn_lightning.networks.first_guess import FirstGuess, Guess
from drbn_lightning.networks.well_exposed import WellExposed, at_strength

DARKEST = 1 / 255
"""Lower bound of the illumination: one step of 8 bits."""
START = 3.0
"""Where the illumination starts: near the brightest colour itself, as in LIME."""


class Retinex(NamedTuple):
    """An image as reflectance `(N, C, H, W)` times illumination `(N, 1, H, W)`."""

    reflectance: Tensor
    illumination: Tensor


class RetinexNet(nn.Module):
    """Estimates the illumination, divides it out, cleans the reflectance, and multiplies a better illumination back.

    It takes the place of `DRBN`, with the same data, first guess, loss and evaluation. Source: ours, after the Retinex
    model, S is R times L (Wei et al., BMVC 2018).

    NOTE: the decomposition is exact by construction, so it needs no loss of its own. The coarser bands are the result
    brought down.

    Example:
        >>> network, low = RetinexNet(), torch.rand(1, 3, 37, 41)
        >>> parts = network.decompose(low)
        >>> torch.allclose(parts.reflectance * parts.illumination, low, atol=1e-6)
        True
        >>> [tuple(band.shape[-2:]) for band in network(low)]
        [(37, 41), (19, 21), (10, 11)]
    """

    def __init__(
        self,
        base_channels: int = 16,
        growth_rate: int = 8,
        first_guess: FirstGuess = "mean",
        guess_mean: float = 0.42,
        guess_gain_limit: float = 60.0,
        guess_ceiling: float = 1.5,
        guess_least_gain: float = 0.0,
        well_exposed_from: float | None = None,
    ) -> None:
        """Build the network.

        Args:
            base_channels: width at full and half resolution; quarter resolution has twice as many.
            growth_rate: growth of the dense blocks at full and half resolution.
            first_guess: how the illumination starts, see `Guess`.
            guess_mean: see `Guess`.
            guess_gain_limit: see `Guess`.
            guess_ceiling: see `Guess`.
            guess_least_gain: see `Guess`.
            well_exposed_from: see `DRBN`.

        Raises:
            ValueError: `first_guess` is unknown, or a number out of its range.
        """
        super().__init__()
        self.well_exposed = WellExposed(well_exposed_from)
        self.guess = Guess(first_guess, guess_mean, guess_gain_limit, guess_ceiling, guess_least_gain)
        self.light = nn.Sequential(
            convolution(4, base_channels),
            nn.ReLU(),
            DenseBlock(base_channels, growth_rate),
            convolution(base_channels, 1),
        )
        self.cleaning = nn.Sequential(
            convolution(4, base_channels),
            nn.ReLU(),
            DenseBlock(base_channels, growth_rate),
            convolution(base_channels, 3),
        )
        self.adjustment = BandUNet(5, base_channels, growth_rate)
        self.adjusted_light = ImageHead(base_channels, base_channels, 1)

    def forward(self, low: Tensor, thumbnail: Tensor | None = None) -> Bands:
        """Bands of the enhanced image; arguments and result as for `DRBN.forward`."""
        height, width = low.shape[-2:]
        strength = self.well_exposed.strength(low, thumbnail)
        guess, low = pad_to_quarters(self.guess(low, thumbnail)), pad_to_quarters(low)
        reflectance, illumination = self.decompose(low)
        reflectance = reflectance + self.cleaning(torch.cat([reflectance, illumination], dim=1))
        start = _brightest(guess)
        inputs = torch.cat([reflectance, illumination, start], dim=1)
        adjusted = start + self.adjusted_light(self.adjustment(inputs).full)
        enhanced, low = (image[..., :height, :width] for image in (reflectance * adjusted, low))
        return at_strength(targets(enhanced), low, strength)

    def decompose(self, low: Tensor) -> Retinex:
        """Split low-light images `(N, C, H, W)` in [0, 1].

        The illumination lies between each pixel's brightest colour and 1, so that the reflectance lies in [0, 1].
        """
        brightest = _brightest(low).clamp(min=DARKEST)
        exponent = torch.sigmoid(self.light(torch.cat([low, brightest], dim=1)) + START)
        illumination = brightest**exponent
        return Retinex(low / illumination, illumination)


def _brightest(image: Tensor) -> Tensor:
    """Each pixel's brightest colour, `(N, 1, H, W)`."""
    return image.amax(dim=1, keepdim=True)
