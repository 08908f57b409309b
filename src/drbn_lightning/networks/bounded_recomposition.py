"""A recomposer that can do what people like and no harm: weights that are bounded, smooth, and blind to hue.

A few numbers for the whole image, from a preview of it, say how each weight depends on what is around a pixel: how
light it is there, how much texture there is, how colourful it is. So brightness, contrast, saturation and local
contrast are within reach; dots, patterns and casts are not. Ours: neither paper nor released code.

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
SLOPES = (1.5, 1.0, 1.0)
"""How far lightness, texture and colourfulness around a pixel can move a map, before tanh."""
BLACK = 1e-3
"""Added to the lightness of the low-light image, so that the gain of black is a number."""
RADIUS = 2
"""Of the two boxes that smooth what is around a pixel, in quarters."""
TEXTURE, COLOUR = 0.03, 0.1
"""Mean texture and mean chroma at which their measures are half of 1."""


class Around(NamedTuple):
    """What is around each pixel, each `(N, 1, H, W)` in [0, 1]: lightness, texture, colourfulness, lightness before."""

    light: Tensor
    texture: Tensor
    colour: Tensor
    low_light: Tensor


class BoundedRecomposer(nn.Module):
    """Weights of luma and chroma that are bounded and smooth, whatever the input and the parameters.

    The luma of the base band goes through a tone curve that rises everywhere and keeps black and white. Middle and
    detail bands follow it, times a factor of their own between 1/1.6 and 1.6. The chroma of all bands has one weight,
    the curve's times a factor for saturation between 1/1.5 and 1.5, so that every hue stays as stage 1 has it. It
    starts at the identity.

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
        gain_limit: float | None = None,
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
            gain_limit: how many times lighter than the low-light image stage 1's result may be around a pixel, above
                0, for every weight to be free there. Where it is more than twice that, none rises above 1: most of what
                is seen there is noise, which stronger colours and contrast would show. So night skies stay calm, and
                the shadows of backlit photos are free. Not in training mode: pairs are darker than most photos, and
                nothing would be learned from them. None sets no limit.

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
        if gain_limit is not None and not 0 < gain_limit < math.inf:
            raise ValueError(f"recomposer.gain_limit is {gain_limit}; it must be above 0, or null")
        self.chained, self.curve_power, self.gain_limit = chained, curve_power, gain_limit
        widths = [base_channels * times for times in (1, 2, 3)]
        layers: list[nn.Module] = []
        for inputs, outputs in zip((3, *widths), widths, strict=False):
            layers += [convolution(inputs, outputs, stride=2), nn.ReLU()]
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(
            nn.Linear(2 * widths[-1], hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, MAPS * 4)
        )
        for parameter in self.head[-1].parameters():
            nn.init.zeros_(parameter)
        self.register_load_state_dict_pre_hook(_without_fifth_map)  # type: ignore[no-untyped-call]  # of torch

    def forward(self, residuals: ResidualBands, low: Tensor, preview: Tensor) -> ResidualBands:
        """Weight maps `(N, 3, H, W)`: of luma, of chroma, and of chroma again, so that they can be shown as an image.

        Args:
            residuals: the bands of stage 1, of any size.
            low: the low-light images `(N, 3, H, W)` in [0, 1]; only for `gain_limit` does it look at them.
            preview: `(N, 3, S, S)`, stage 1's result for the thumbnails of the whole images.
        """
        with torch.autocast(low.device.type, enabled=False):
            preview = preview.float().clamp(0, 1)
            residuals = ResidualBands(*(band.float() for band in residuals))
            around = self.around(residuals, low.float())
            free = self.free_to_rise(around)
            # Clamped instead, no gradient would leave 0.
            curve, *others = (torch.where(value > 0, free, 1) * value for value in self.maps(around, preview))
            tone = 1 + CURVE * curve * self.room(around.light)
            middle, detail, saturation = ((reach * value).exp() for reach, value in zip(REACH, others, strict=True))
            chroma = tone * saturation
            lumas = (tone, tone * middle, tone * detail)
        return ResidualBands(*(torch.cat([weight, chroma, chroma], dim=1).to(low.dtype) for weight in lumas))

    def free_to_rise(self, around: Around) -> Tensor:
        """How far weights may rise above 1, `(N, 1, H, W)` in [0, 1]: not where stage 1 has amplified noise."""
        if self.gain_limit is None or self.training:
            return torch.ones_like(around.light)
        gain = around.light / (around.low_light + BLACK)
        return (2 - gain / self.gain_limit).clamp(0, 1)

    def room(self, light: Tensor) -> Tensor:
        """How far the tone curve can move lightness `(N, 1, H, W)` in [0, 1], as a factor on it: (1 - Y)^p."""
        room = 1 - light
        return room if self.curve_power == 1 else room.clamp(min=0) ** self.curve_power

    def maps(self, around: Around, preview: Tensor) -> tuple[Tensor, ...]:
        """The four maps, `(N, 1, H, W)` in [-1, 1]: curve, middle, detail, saturation.

        Each is a number plus slopes over what is around a pixel. All numbers are bounded, and so are all slopes.
        """
        features = self.features(preview)
        pooled = torch.cat([features.mean(dim=(2, 3)), features.amax(dim=(2, 3))], dim=1)
        numbers = self.head(pooled).view(-1, MAPS, 4, 1, 1, 1)
        mean = luma(preview).mean(dim=(2, 3), keepdim=True)
        light, texture, colour = around.light - mean, around.texture - 0.5, around.colour - 0.5
        found = []
        for number in range(MAPS):
            level, *slopes = numbers[:, number].unbind(1)
            steps = [bound * torch.tanh(slope) for bound, slope in zip(SLOPES, slopes, strict=True)]
            found.append(torch.tanh(level + steps[0] * light + steps[1] * texture + steps[2] * colour))
        return tuple(found)

    def around(self, residuals: ResidualBands, low: Tensor) -> Around:
        """What is around each pixel, smoothed: no edge of the image makes an edge in it."""
        size = residuals.base.shape[-2:]
        shade = luma(residuals.base)
        chroma = (residuals.base - shade).abs().mean(dim=1, keepdim=True)
        rough = luma(residuals.middle + residuals.detail).abs()
        shades = [shade.clamp(0, 1), rough / (rough + TEXTURE), chroma / (chroma + COLOUR), luma(low).clamp(0, 1)]
        measured = torch.cat(shades, dim=1)
        small = functional.avg_pool2d(pad_to_quarters(measured), 4)
        for _ in range(2):
            small = functional.avg_pool2d(
                functional.pad(small, (RADIUS,) * 4, mode="replicate"), 2 * RADIUS + 1, stride=1
            )
        large = upsample(small, 4, (size[0], size[1]))
        return Around(*large.chunk(4, dim=1))


def _without_fifth_map(network: nn.Module, state: dict[str, Tensor], prefix: str, *_: object) -> None:
    """Checkpoints of before have one map more, the last: chroma of middle and detail by itself."""
    for name in ("weight", "bias"):
        key = f"{prefix}head.3.{name}"
        if key in state and len(state[key]) == (MAPS + 1) * 4:
            state[key] = state[key][: MAPS * 4]
