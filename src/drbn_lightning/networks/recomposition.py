"""Band recomposition, the network of stage 2: how much of each residual band makes the most pleasing image.

Legend of dimensions: N images, 3 colours, H x W pixels. A recomposer maps `(residuals, low)` to weight maps.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from drbn_lightning.bands import Bands, ResidualBands, decompose, recompose
from drbn_lightning.networks.blocks import DenseBlock, ImageHead, convolution
from drbn_lightning.networks.drbn import BandUNet, pad_to_quarters
from drbn_lightning.networks.first_guess import thumbnails_of
from drbn_lightning.networks.luma_chroma import recompose_luma_chroma

WEIGHT_CHANNELS = 9  # three colours of each of three bands


class Recomposed(NamedTuple):
    """A recomposed image `(N, 3, H, W)`, the weight maps that made it, and the bands that they weigh."""

    image: Tensor
    recomposition_weights: ResidualBands
    residuals: ResidualBands


class _Recomposer(nn.Module):
    """What the recomposers share: the order of the inputs, and how the output becomes weights."""

    def __init__(self, guided: bool, chained: bool, weight_scale: float, weight_offset: float) -> None:
        super().__init__()
        self.guided, self.chained = guided, chained
        self.weight_scale, self.weight_offset = weight_scale, weight_offset

    @property
    def input_channels(self) -> int:
        """Channels of `inputs`."""
        return 12 if self.guided else 9

    def inputs(self, residuals: ResidualBands, low: Tensor) -> Tensor:
        """The low-light image, where it guides, and the bands: `(N, 12 or 9, H, W)`."""
        return torch.cat([low, *residuals] if self.guided else [*residuals], dim=1)

    def weigh(self, output: Tensor) -> ResidualBands:
        """`(N, 9, H, W)` as three weight maps."""
        return ResidualBands(*(self.weight_scale * output + self.weight_offset).chunk(3, dim=1))


class FlatRecomposer(_Recomposer):
    """The released code's recomposer: one dense block at full resolution.

    Example:
        >>> sum(parameter.numel() for parameter in FlatRecomposer().parameters())
        19161
    """

    def __init__(
        self,
        guided: bool = True,
        chained: bool = False,
        channels: int = 16,
        growth_rate: int = 8,
        weight_scale: float = 0.8,
        weight_offset: float = 0.6,
        start_at_identity: bool = False,
    ) -> None:
        """Build the network; the defaults are the released code's.

        Args:
            guided: show it the low-light image beside the bands.
            chained: take the residual bands in steps of two, see `decompose`.
            channels: width of the features.
            growth_rate: growth of the dense block.
            weight_scale: factor from output to weight.
            weight_offset: weight where the output is 0.
            start_at_identity: start with an output of 0, and so with all weights at `weight_offset`.

        Raises:
            ValueError: `channels` or `growth_rate` is below 1.
        """
        super().__init__(guided, chained, weight_scale, weight_offset)
        _require_positive(channels=channels, growth_rate=growth_rate)
        self.first = convolution(self.input_channels, channels)
        self.second = convolution(channels, channels)
        self.block = DenseBlock(channels, growth_rate)
        self.fusion = nn.Sequential(convolution(channels, channels, kernel=1), convolution(channels, channels))
        self.head = _weight_head(channels, start_at_identity)

    def forward(self, residuals: ResidualBands, low: Tensor) -> ResidualBands:
        """Weight maps, each `(N, 3, H, W)`.

        Args:
            residuals: the bands of stage 1.
            low: the low-light images `(N, 3, H, W)` in [0, 1], of any size.
        """
        first = self.first(self.inputs(residuals, low))
        features = self.fusion(self.block(self.second(first))) + first
        return self.weigh(self.head(features))


class UNetRecomposer(_Recomposer):
    """The paper's recomposer: a U-Net like the band learning block, with the bands as input.

    NOTE: the paper gives F_RC(bands) in its figure and F_RC(y, bands) in a formula; `guided` chooses.
    With the defaults, stage 2 starts exactly where stage 1 ended.

    Example:
        >>> low, network = torch.rand(1, 3, 5, 7), UNetRecomposer()
        >>> network(ResidualBands(low, low, low), low).base.unique()
        tensor([1.], grad_fn=<Unique2Backward0>)
    """

    def __init__(
        self,
        guided: bool = True,
        chained: bool = False,
        base_channels: int = 16,
        growth_rate: int = 8,
        weight_scale: float = 1.0,
        weight_offset: float = 1.0,
        start_at_identity: bool = True,
    ) -> None:
        """Build the network.

        Args:
            guided: show it the low-light image beside the bands.
            chained: take the residual bands in steps of two, see `decompose`.
            base_channels: see `BandUNet`.
            growth_rate: see `BandUNet`.
            weight_scale: factor from output to weight.
            weight_offset: weight where the output is 0.
            start_at_identity: start with an output of 0, and so with all weights at `weight_offset`.

        Raises:
            ValueError: `base_channels` or `growth_rate` is below 1.
        """
        super().__init__(guided, chained, weight_scale, weight_offset)
        _require_positive(base_channels=base_channels, growth_rate=growth_rate)
        self.body = BandUNet(self.input_channels, base_channels, growth_rate)
        self.head = _weight_head(base_channels, start_at_identity)

    def forward(self, residuals: ResidualBands, low: Tensor) -> ResidualBands:
        """Weight maps, each `(N, 3, H, W)`; arguments as for `FlatRecomposer.forward`."""
        height, width = low.shape[-2:]
        features = self.body(pad_to_quarters(self.inputs(residuals, low))).full
        return self.weigh(self.head(features)[..., :height, :width])


def is_chained(recomposer: nn.Module) -> bool:
    """Whether a recomposer weighs the residual bands of chained steps; one from elsewhere need not say."""
    return bool(getattr(recomposer, "chained", False))


def preview_of(recomposer: nn.Module, band: nn.Module, low: Tensor, thumbnail: Tensor | None) -> Tensor | None:
    """What stage 1 makes of the thumbnail of each WHOLE image, where the recomposer asks for it by `takes_preview`.

    Args:
        recomposer: see `recompose_bands`.
        band: stage 1, maps `(low, thumbnail)` to `Bands`.
        low: `(N, 3, H, W)`, the images, or crops or tiles of them.
        thumbnail: `(N, 3, S, S)`, of the whole images; by default those of `low`.

    Returns:
        `(N, 3, S, S)` float32, or None.
    """
    if not getattr(recomposer, "takes_preview", False):
        return None
    small = thumbnails_of(low, thumbnail)
    bands: Bands = band(small.to(low.dtype), small)
    return bands.full.float()


def recompose_bands(recomposer: nn.Module, bands: Bands, low: Tensor, preview: Tensor | None = None) -> Recomposed:
    """Weigh the residual bands of stage 1 and add them up (paper: the sum of w_i and band i).

    Args:
        recomposer: maps `(residuals, low)` to weight maps, or `(residuals, low, preview)` where it has an attribute
            `takes_preview` that is true. Where `chained` is true, the residual bands are those of chained steps (see
            `decompose`); where `luma_chroma` is, the weights are of luma and chroma (`recompose_luma_chroma`).
        bands: stage 1's result for `low`.
        low: `(N, 3, H, W)` in [0, 1], of any size.
        preview: see `preview_of`.
    """
    residuals = decompose(bands, chained=is_chained(recomposer))
    seen = (residuals, low) if preview is None else (residuals, low, preview)
    recomposition_weights: ResidualBands = recomposer(*seen)
    add_up = recompose_luma_chroma if getattr(recomposer, "luma_chroma", False) else recompose
    return Recomposed(add_up(residuals, recomposition_weights), recomposition_weights, residuals)


class BandRecomposition(nn.Module):
    """Both stages as one network for use: enhance, then recompose.

    Example:
        >>> from drbn_lightning.networks.drbn import DRBN
        >>> network = BandRecomposition(DRBN(recursions=1), FlatRecomposer())
        >>> [tuple(band.shape[-2:]) for band in network(torch.rand(1, 3, 9, 6))]
        [(9, 6), (5, 3), (3, 2)]
    """

    def __init__(self, band: nn.Module, recomposer: nn.Module) -> None:
        """Put the stages together.

        Args:
            band: stage 1, maps `(low, thumbnail)` to `Bands`.
            recomposer: makes weight maps, see `recompose_bands`.
        """
        super().__init__()
        self.band, self.recomposer = band, recomposer

    def forward(self, low: Tensor, thumbnail: Tensor | None = None) -> Bands:
        """The recomposed image as the full band, above stage 1's half and quarter bands; see `DRBN.forward`."""
        bands, recomposed = self.parts(low, thumbnail)
        return bands._replace(full=recomposed.image)

    def parts(self, low: Tensor, thumbnail: Tensor | None = None) -> tuple[Bands, Recomposed]:
        """Stage 1's bands, and what stage 2 makes of them."""
        bands: Bands = self.band(low, thumbnail)
        preview = preview_of(self.recomposer, self.band, low, thumbnail)
        return bands, recompose_bands(self.recomposer, bands, low, preview)


def _require_positive(**widths: int) -> None:
    for name, width in widths.items():
        if width < 1:
            raise ValueError(f"recomposer.{name} is {width}; it must be at least 1")


def _weight_head(channels: int, start_at_identity: bool) -> ImageHead:
    head = ImageHead(channels, channels, WEIGHT_CHANNELS)
    if start_at_identity:
        for parameter in head[-1].parameters():
            nn.init.zeros_(parameter)
    return head
