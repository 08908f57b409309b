"""DRBN, the recursive band network of stage 1, in plain torch.

Legend of dimensions: N images, C = 3 colours, H x W full resolution, B base channels (16 as released).
"""

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from drbn_lightning.bands import Bands, targets, upsample
from drbn_lightning.networks.blocks import DenseBlock, ImageHead, convolution
from drbn_lightning.networks.first_guess import FirstGuess, Guess
from drbn_lightning.networks.well_exposed import WellExposed, at_strength


class FeatureStates(NamedTuple):
    """Features that one recursion hands to the next: `(N, B, H, W)`, `(N, B, H/2, W/2)`, `(N, 2B, H/4, W/4)`."""

    full: Tensor
    half: Tensor
    quarter: Tensor


class BandUNet(nn.Module):
    """A small U-Net from images to features at three resolutions."""

    def __init__(self, input_channels: int, base_channels: int = 16, growth_rate: int = 8) -> None:
        """Build the network; the defaults are the released code's.

        Args:
            input_channels: channels of all images together.
            base_channels: width at full and half resolution (B); quarter resolution has twice as many.
            growth_rate: growth of the dense blocks at full and half resolution; twice as much at quarter.
        """
        super().__init__()
        base, deep = base_channels, 2 * base_channels
        self.first = convolution(input_channels, base)
        self.second = convolution(base, base)
        self.full_down = DenseBlock(base, growth_rate)
        self.to_half = convolution(base, base, stride=2)
        self.half_down = DenseBlock(base, growth_rate)
        self.to_quarter = convolution(base, deep, stride=2)
        self.quarter_in = DenseBlock(deep, 2 * growth_rate)
        self.quarter_out = DenseBlock(deep, 2 * growth_rate)
        self.from_quarter = nn.ConvTranspose2d(deep, base, 4, stride=2, padding=1)
        self.half_up = DenseBlock(base, growth_rate)
        self.from_half = nn.ConvTranspose2d(base, base, 4, stride=2, padding=1)
        self.full_up = DenseBlock(base, growth_rate)

    def forward(self, images: Tensor, previous: FeatureStates | None = None) -> FeatureStates:
        """Features at three resolutions.

        Args:
            images: `(N, input_channels, H, W)`; H and W multiples of 4.
            previous: features of the recursion before, of which this one learns the residual.
        """
        first = torch.relu(self.first(images))
        full = torch.relu(self.second(first))
        half = self.to_half(self.full_down(full))
        quarter = self.to_quarter(self.half_down(half))
        quarter = quarter + self.quarter_out(self.quarter_in(quarter))
        quarter = quarter if previous is None else quarter + previous.quarter
        half = self.half_up(self.from_quarter(quarter)) + half
        half = half if previous is None else half + previous.half
        full = self.full_up(self.from_half(half)) + full + first
        full = full if previous is None else full + previous.full
        return FeatureStates(full, half, quarter)


class BandLearningBlock(BandUNet):
    """One recursion (BLN of the paper): from the previous result and the low-light input, with heads for images."""

    def __init__(self, base_channels: int = 16, growth_rate: int = 8) -> None:
        """Build the block; arguments as for `BandUNet`, the defaults are the released code's."""
        super().__init__(6, base_channels, growth_rate)
        self.full_head = ImageHead(base_channels, base_channels)
        self.half_head = ImageHead(base_channels, base_channels)
        self.quarter_head = ImageHead(2 * base_channels, base_channels)

    def bands(self, features: FeatureStates) -> Bands:
        """Images from features (R1, R2, R3 of the paper), coarse to fine."""
        quarter = self.quarter_head(features.quarter)
        half = self.half_head(features.half) + upsample(quarter, 2)
        full = self.full_head(features.full) + upsample(half, 2)
        return Bands(full, half, quarter)


class DRBN(nn.Module):
    """Deep Recursive Band Network: `recursions` blocks, each refining the result and the features of the last.

    Source: paper, section 3.2; the released code's network with the defaults but for `first_guess` (`input` there).

    Example:
        >>> network = DRBN(recursions=2)
        >>> [tuple(band.shape[-2:]) for band in network(torch.rand(1, 3, 37, 41))]
        [(37, 41), (19, 21), (10, 11)]
        >>> sum(parameter.numel() for parameter in DRBN().parameters())
        557668
    """

    def __init__(
        self,
        recursions: int = 4,
        share_weights: bool = False,
        base_channels: int = 16,
        growth_rate: int = 8,
        recursive_input: bool = True,
        feature_residual: bool = True,
        first_guess: FirstGuess = "mean",
        guess_mean: float = 0.42,
        guess_gain_limit: float = 60.0,
        guess_ceiling: float = 1.5,
        guess_residual: bool = False,
        guess_least_gain: float = 0.0,
        well_exposed_from: float | None = None,
    ) -> None:
        """Build the network.

        Args:
            recursions: number of recursions, T of the paper (released code: 4).
            share_weights: one block for all recursions (released code: one block each).
            base_channels: see `BandLearningBlock`.
            growth_rate: see `BandLearningBlock`.
            recursive_input: hand each result to the next recursion; otherwise every recursion sees the first guess.
            feature_residual: add the features of the recursion before.
            first_guess: what stands for the result before the first recursion: `input` takes the low-light image
                itself (released code), `mean` brings it to the mean `guess_mean` by the gain that the whole image
                needs, `learned` adjusts that by what a small network sees in the whole image, see `Guess`.
            guess_mean: mean of the whole image after the gain, in display values.
            guess_gain_limit: largest gain.
            guess_ceiling: the guess is cut off above this value.
            guess_residual: every band is what is added to the first guess (neither paper nor released code).
            guess_least_gain: smallest gain; 1 leaves an image that is brighter than `guess_mean` as it is.
            well_exposed_from: log-average luma from which on an image is left alone, see `WellExposed`.

        Raises:
            ValueError: `recursions` is below 1, `first_guess` unknown, or a number out of its range.
        """
        super().__init__()
        if recursions < 1:
            raise ValueError(f"network.recursions is {recursions}; it must be at least 1")
        self.guess = Guess(first_guess, guess_mean, guess_gain_limit, guess_ceiling, guess_least_gain)
        self.recursions = recursions
        self.recursive_input = recursive_input
        self.feature_residual, self.guess_residual = feature_residual, guess_residual
        self.well_exposed = WellExposed(well_exposed_from)
        count = 1 if share_weights else recursions
        self.blocks = nn.ModuleList(BandLearningBlock(base_channels, growth_rate) for _ in range(count))

    def forward(self, low: Tensor, thumbnail: Tensor | None = None) -> Bands:
        """Bands of the last recursion.

        Args:
            low: low-light images `(N, C, H, W)` in [0, 1], of any size.
            thumbnail: `(N, 3, S, S)`, that of each WHOLE image (`drbn_lightning.thumbnails`), where `low` is only a
                crop or a tile of it; by default that of `low`.

        Returns:
            Unclamped bands; `full` has the size of `low`.
        """
        return self._run(low, thumbnail, every=False)[-1]

    def every_recursion(self, low: Tensor, thumbnail: Tensor | None = None) -> list[Bands]:
        """Bands of every recursion, the last one last; arguments as for `forward`."""
        return self._run(low, thumbnail, every=True)

    def _run(self, low: Tensor, thumbnail: Tensor | None, *, every: bool) -> list[Bands]:
        height, width = low.shape[-2:]
        strength = self.well_exposed.strength(low, thumbnail)
        guess = pad_to_quarters(self.guess(low, thumbnail))
        low = pad_to_quarters(low)
        base = targets(guess) if self.guess_residual else None
        result: Tensor = guess
        features: FeatureStates | None = None
        steps: list[Bands] = []
        for step in range(self.recursions):
            block = cast(BandLearningBlock, self.blocks[step % len(self.blocks)])
            features = block(torch.cat([result, low], dim=1), features if self.feature_residual else None)
            if every or self.recursive_input or step == self.recursions - 1:
                bands = block.bands(features)
                steps.append(bands if base is None else Bands(*(a + b for a, b in zip(bands, base, strict=True))))
                result = steps[-1].full if self.recursive_input else guess
        wanted = steps if every else steps[-1:]
        return [_crop(at_strength(bands, low, strength), height, width) for bands in wanted]


def pad_to_quarters(image: Tensor) -> Tensor:
    """Continue the lower and right border to multiples of 4, `(N, C, H, W)`; the image itself where it is one."""
    if torch.compiler.is_exporting():  # the sizes are symbols: nothing can depend on their values
        return _continued(_continued(image, -2), -1)
    bottom, right = -image.shape[-2] % 4, -image.shape[-1] % 4
    # NOTE: the released code crashes on other sizes; replicate and not reflect, which fails below 4 pixels.
    return functional.pad(image, (0, right, 0, bottom), mode="replicate") if bottom or right else image


def _continued(image: Tensor, axis: int) -> Tensor:
    """Repeat the last row or column up to a multiple of 4."""
    size = image.shape[axis]
    places = torch.arange(_rounded_up(size, 4) * 4, device=image.device).clamp(max=size - 1)
    return image.index_select(axis, places)


def _rounded_up(size: int, factor: int) -> int:
    """`size / factor` rounded up. No negative number on the way: ONNX rounds those towards zero, Python down."""
    return (size + factor - 1) // factor


def _crop(bands: Bands, height: int, width: int) -> Bands:
    cropped = (
        band[..., : _rounded_up(height, f), : _rounded_up(width, f)] for band, f in zip(bands, (1, 2, 4), strict=True)
    )
    return Bands(*cropped)
