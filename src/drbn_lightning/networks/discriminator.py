"""The discriminator of stage 2, which `stage=quality` trains first: is this a photo, and one that people like?

Legend of dimensions: N images, H x W pixels, B base channels (64 as released).
"""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from drbn_lightning.networks.blocks import convolution
from drbn_lightning.networks.jpeg import Reencoding

Normalization = Literal["batch", "group", "instance", "none"]
GROUP_CHANNELS = 16


class GroupNorm(nn.GroupNorm):
    """Group norm that also takes groups of a single value, of which only the offset is left."""

    def forward(self, features: Tensor) -> Tensor:
        """`(N, C, H, W)` to `(N, C, H, W)`."""
        return torch.group_norm(features, self.num_groups, self.weight, self.bias, self.eps)


def normalization_layer(kind: Normalization, channels: int) -> nn.Module:
    """The layer between a convolution and its activation; groups have about 16 channels.

    Raises:
        ValueError: `kind` is unknown.
    """
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    if kind == "group":
        return GroupNorm(math.gcd(channels, max(1, channels // GROUP_CHANNELS)), channels)
    if kind == "instance":
        return GroupNorm(channels, channels)
    if kind == "none":
        return nn.Identity()
    raise ValueError(f"discriminator.normalization is {kind!r}; use 'batch', 'group', 'instance' or 'none'")


class Discriminator(nn.Module):
    """Eight 3x3 convolutions, every second one halving the size, then one logit for an image of any size.

    Source: the released code, with `reencode=None`, `normalization="batch"` and `head_padding=1`. The paper gives no
    layers. Batch norm cannot be trained on batches of one image of a single pixel.

    Example:
        >>> network = Discriminator(normalization="batch")
        >>> network(torch.rand(2, 3, 37, 41)).shape
        torch.Size([2])
        >>> sum(parameter.numel() for parameter in network.parameters())
        4691329
    """

    def __init__(
        self,
        base_channels: int = 64,
        sorted_channels: bool = True,
        normalization: Normalization = "group",
        spectral: bool = False,
        head_padding: int = 0,
        reencode: Sequence[float] | None = None,
    ) -> None:
        """Build the network.

        Args:
            base_channels: width of the first two convolutions (B); every second one doubles it, up to 8 B.
            sorted_channels: also show the image with each pixel's colours in ascending order (released code).
            normalization: `batch` (released code), `group`, `instance` or `none`, from the second convolution on;
                `instance` hardly sees how bright an image is, and nothing at all in one of up to 16 pixels a side.
            spectral: divide each convolution by its largest singular value (neither paper nor released code). Such
                a network cannot be pickled, which is torch's restriction; its `state_dict` can.
            head_padding: zeros around the features before the last convolution, which then give its bias to the
                mean; 1 in the released code.
            reencode: lowest and highest quality of a JPEG codec that every image passes first, or none.

        Raises:
            ValueError: an argument is out of its range.
        """
        super().__init__()
        if base_channels < 1:
            raise ValueError(f"discriminator.base_channels is {base_channels}; it must be at least 1")
        if head_padding < 0:
            raise ValueError(f"discriminator.head_padding is {head_padding}; it must not be negative")
        self.sorted_channels = sorted_channels
        self.reencoding = None if reencode is None else _reencoding(reencode)
        layers: list[nn.Module] = []
        inputs = 6 if sorted_channels else 3
        for number in range(8):
            outputs = base_channels * 2 ** (number // 2)
            layers.append(convolution(inputs, outputs, stride=1 + number % 2))
            layers.append(normalization_layer(normalization, outputs) if number else nn.Identity())
            layers.append(nn.ReLU())
            inputs = outputs
        self.body = nn.Sequential(*layers)
        self.head = nn.Conv2d(inputs, 1, 1, padding=head_padding)
        self._initialise(spectral)

    def forward(self, image: Tensor) -> Tensor:
        """The logit of being a real high-MOS photo; its sigmoid is D of the paper.

        Args:
            image: `(N, 3, H, W)` display values, of any size.

        Returns:
            `(N,)`, float32 also under autocast.
        """
        logits: Tensor = self.head(self.body(self.inputs(image)))
        return logits.float().mean(dim=(1, 2, 3))

    def inputs(self, image: Tensor) -> Tensor:
        """What the first convolution sees: the image and, where asked for, its sorted copy, `(N, 6 or 3, H, W)`."""
        if self.reencoding is not None:
            image = self.reencoding(image)
        return torch.cat([image, image.sort(dim=1).values], dim=1) if self.sorted_channels else image

    def _initialise(self, spectral: bool) -> None:
        for layer in [*self.body, self.head]:
            if not isinstance(layer, nn.Conv2d):
                continue
            # NOTE: the released code keeps torch's defaults, with which a network without normalisation fades out.
            # Of the biases they stay: from biases of zero a group norm cannot see how bright an image is (tried).
            nn.init.kaiming_normal_(layer.weight, nonlinearity="linear" if layer is self.head else "relu")
            if spectral:
                spectral_norm(layer)


def _reencoding(reencode: Sequence[float]) -> Reencoding:
    try:
        lowest, highest = reencode
        return Reencoding(lowest, highest)
    except (ValueError, TypeError):
        message = "give null or two JPEG qualities from 1 to 100, the lower one first"
        raise ValueError(f"discriminator.reencode is {reencode!r}; {message}") from None
