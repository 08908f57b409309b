"""A recomposer that can do what people like and no harm: weights that are bounded, smooth, and blind to hue.

A few numbers for the whole image, from a preview of it, say how each weight depends on what is around a pixel: how
light it is there, how much texture there is, how colourful it is. So brightness, contrast, saturation and local
contrast are within reach, and what stage 1 burnt out can come back from the image that it was given; dots, patterns
and casts are not. Ours: neither paper nor released code.

Legend of dimensions: N images, 3 colours, H x W pixels, h x w quarters of them, S x S pixels of a preview.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from drbn_lightning.bands import ResidualBands, upsample
from drbn_lightning.networks.blocks import convolution
from drbn_lightning.networks.drbn import pad_to_quarters
from drbn_lightning.networks.luma_chroma import luma

CURVE = 0.9
"""Largest strength s of the tone curve Y + s Y (1 - Y)^p: below 1 it rises everywhere; 0 and 1 stay where they are."""
REACH = (math.log(1.6), math.log(1.6), math.log(1.5))
"""Bounds of the logarithms of the factors on luma of middle, luma of detail, and all chroma."""
MAPS = 1 + len(REACH)
"""Curve, middle, detail, saturation; a fifth one says how much of the image's own highlights comes back."""
SLOPES = (1.5, 1.0, 1.0)
"""How far lightness, texture and colourfulness around a pixel can move a map, before tanh."""
RADIUS = 2
"""Of the two boxes that smooth what is around a pixel, in quarters."""
TEXTURE, COLOUR = 0.03, 0.1
"""Mean texture and mean chroma at which their measures are half of 1."""


class Around(NamedTuple):
    """What is around each pixel, each `(N, 1, H, W)` in [0, 1]: lightness, texture, colourfulness."""

    light: Tensor
    texture: Tensor
    colour: Tensor


class BoundedRecomposer(nn.Module):
    """Weights of luma and chroma that are bounded and smooth, whatever the input and the parameters.

    The luma of the base band goes through a tone curve that rises everywhere and keeps black and white. Middle and
    detail bands follow it, times a factor of their own between 1/1.6 and 1.6. The chroma of all bands has one weight,
    the curve's times a factor for saturation between 1/1.5 and 1.5, so that every hue stays as stage 1 has it. It
    starts at the identity.

    With `highlights`, the luma of what is bright in the image itself moves towards its luma there, for skies that
    stage 1 makes brighter beside dark things. Saturation grows as it does so, hue stays.

    Example:
        >>> low, network = torch.rand(1, 3, 5, 7), BoundedRecomposer()
        >>> network(ResidualBands(low, low, low), low, torch.rand(1, 3, 48, 48)).base.unique()
        tensor([1.], grad_fn=<Unique2Backward0>)
        >>> sum(parameter.numel() for parameter in network.parameters())
        26208
    """

    full_precision = True
    """A global adjustment shows in every pixel: its parameters stay float32 where the network runs in fewer bits."""
    takes_preview = True
    """It looks at stage 1's result for the thumbnail of the whole image."""
    luma_chroma = True
    """Its weights are of luma and chroma."""

    def __init__(
        self,
        base_channels: int = 16,
        hidden: int = 64,
        dropout: float = 0.1,
        chained: bool = False,
        curve_power: float = 1.0,
        highlights: float = 0.0,
        noise_floor: float = 0.0,
    ) -> None:
        """Build the network.

        Args:
            base_channels: channels of the first of three convolutions over the preview, each of which halves it; the
                second has twice as many, the third three times.
            hidden: width between their features and the numbers that they give.
            dropout: share of the features dropped in training.
            chained: take the residual bands in steps of two, see `decompose`.
            curve_power: power p of the tone curve; above 1 it moves shadows more than highlights, so that lifting dark
                things washes no sky out.
            highlights: largest share of an image's own luma in what is white in it, in [0, 1]; 0 leaves it out.
            noise_floor: lightness around a pixel, in [0, 1), from which on all weights may rise; below half of it none
                rises above 1: what is nearly black is mostly noise, which must not become more visible.

        Raises:
            ValueError: a width or `curve_power` is below 1, or another argument leaves its range.
        """
        super().__init__()
        if min(base_channels, hidden) < 1:
            given = f"recomposer.base_channels is {base_channels} and recomposer.hidden is {hidden}"
            raise ValueError(f"{given}; both must be at least 1")
        if not 0 <= dropout < 1:
            raise ValueError(f"recomposer.dropout is {dropout}; it must be from 0 to below 1")
        if not 1 <= curve_power < math.inf:
            raise ValueError(f"recomposer.curve_power is {curve_power}; it must be at least 1")
        if not 0 <= highlights <= 1:
            raise ValueError(f"recomposer.highlights is {highlights}; it must be from 0 to 1")
        if not 0 <= noise_floor < 1:
            raise ValueError(f"recomposer.noise_floor is {noise_floor}; it must be from 0 to below 1")
        self.chained, self.curve_power = chained, curve_power
        self.highlights, self.noise_floor = highlights, noise_floor
        self.map_count = MAPS + bool(highlights)
        widths = [base_channels * times for times in (1, 2, 3)]
        layers: list[nn.Module] = []
        for inputs, outputs in zip((3, *widths), widths, strict=False):
            layers += [convolution(inputs, outputs, stride=2), nn.ReLU()]
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(
            nn.Linear(2 * widths[-1], hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, self.map_count * 4)
        )
        for parameter in self.head[-1].parameters():
            nn.init.zeros_(parameter)
        self.register_load_state_dict_pre_hook(_without_chroma_of_detail)  # type: ignore[no-untyped-call]  # of torch

    def forward(self, residuals: ResidualBands, low: Tensor, preview: Tensor) -> ResidualBands:
        """Weight maps `(N, 3, H, W)`: of luma, of chroma, and of chroma again, so that they can be shown as an image.

        Args:
            residuals: the bands of stage 1, of any size.
            low: the low-light images `(N, 3, H, W)` in [0, 1]; without `highlights` it does not look at them.
            preview: `(N, 3, S, S)`, stage 1's result for the thumbnails of the whole images.
        """
        with torch.autocast(low.device.type, enabled=False):
            preview = preview.float().clamp(0, 1)
            residuals = ResidualBands(*(band.float() for band in residuals))
            around = self.around(residuals)
            curve, *others = self.above_noise(self.maps(around, preview), around.light)
            tone = 1 + CURVE * curve * self.room(around.light)
            reached = zip(REACH, others, strict=False)  # what is beyond them is that of highlights
            middle, detail, saturation = ((reach * value).exp() for reach, value in reached)
            chroma = tone * saturation
            if self.highlights:
                tone = tone * self.towards(low.float(), residuals, others[-1])
            lumas = (tone, tone * middle, tone * detail)
        return ResidualBands(*(torch.cat([weight, chroma, chroma], dim=1).to(low.dtype) for weight in lumas))

    def above_noise(self, maps: tuple[Tensor, ...], light: Tensor) -> tuple[Tensor, ...]:
        """The maps `(N, 1, H, W)`, of which no part above 0 is left where lightness `(N, 1, H, W)` is that of noise."""
        if not self.noise_floor:
            return maps
        allowed = (2 * light / self.noise_floor - 1).clamp(0, 1)
        return tuple(torch.where(value > 0, allowed, 1) * value for value in maps)  # clamped, no gradient would leave 0

    def room(self, light: Tensor) -> Tensor:
        """How far the tone curve can move lightness `(N, 1, H, W)` in [0, 1], as a factor on it: (1 - Y)^p."""
        room = 1 - light
        return room if self.curve_power == 1 else room.clamp(min=0) ** self.curve_power

    def towards(self, low: Tensor, residuals: ResidualBands, kept: Tensor) -> Tensor:
        """The factor on luma that moves it towards that of the low-light image, the more the brighter that is.

        Args:
            low: the low-light images `(N, 3, H, W)`.
            residuals: the bands of stage 1.
            kept: `(N, 1, H, W)` in [-1, 1]; below 0 it moves away.

        Returns:
            `(N, 1, H, W)` in [0, 2].
        """
        own = luma(low.clamp(0, 1))
        enhanced = torch.maximum(luma(residuals.base + residuals.middle + residuals.detail), own / 2).clamp(min=1e-3)
        return 1 + self.highlights * kept * own * (own / enhanced - 1)

    def maps(self, around: Around, preview: Tensor) -> tuple[Tensor, ...]:
        """The maps, `(N, 1, H, W)` in [-1, 1]: curve, middle, detail, saturation, and that of highlights where it is.

        Each is a number plus slopes over what is around a pixel. All numbers are bounded, and so are all slopes.
        """
        features = self.features(preview)
        pooled = torch.cat([features.mean(dim=(2, 3)), features.amax(dim=(2, 3))], dim=1)
        numbers = self.head(pooled).view(-1, self.map_count, 4, 1, 1, 1)
        mean = luma(preview).mean(dim=(2, 3), keepdim=True)
        light, texture, colour = around.light - mean, around.texture - 0.5, around.colour - 0.5
        found = []
        for number in range(self.map_count):
            level, *slopes = numbers[:, number].unbind(1)
            steps = [bound * torch.tanh(slope) for bound, slope in zip(SLOPES, slopes, strict=True)]
            found.append(torch.tanh(level + steps[0] * light + steps[1] * texture + steps[2] * colour))
        return tuple(found)

    def around(self, residuals: ResidualBands) -> Around:
        """What is around each pixel, smoothed: no edge of the image makes an edge in it."""
        size = residuals.base.shape[-2:]
        shade = luma(residuals.base)
        chroma = (residuals.base - shade).abs().mean(dim=1, keepdim=True)
        rough = luma(residuals.middle + residuals.detail).abs()
        measured = torch.cat([shade.clamp(0, 1), rough / (rough + TEXTURE), chroma / (chroma + COLOUR)], dim=1)
        small = functional.avg_pool2d(pad_to_quarters(measured), 4)
        for _ in range(2):
            small = functional.avg_pool2d(
                functional.pad(small, (RADIUS,) * 4, mode="replicate"), 2 * RADIUS + 1, stride=1
            )
        large = upsample(small, 4, (size[0], size[1]))
        return Around(*large.chunk(3, dim=1))


def _without_chroma_of_detail(network: nn.Module, state: dict[str, Tensor], prefix: str, *_: object) -> None:
    """Checkpoints of before have a fifth map that is another one: chroma of middle and detail by itself."""
    assert isinstance(network, BoundedRecomposer)
    for name in ("weight", "bias"):
        key = f"{prefix}head.3.{name}"
        if key in state and network.map_count == MAPS and len(state[key]) == (MAPS + 1) * 4:
            state[key] = state[key][: MAPS * 4]
