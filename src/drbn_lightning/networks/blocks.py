"""The parts that DRBN's networks are built of: dense block, image head, and the reading of numbers behind them.

Legend of dimensions: N images, C channels, H x W pixels, G growth rate.
"""

import torch
from torch import Tensor, nn

from drbn_lightning.networks.dense_gradient import DenseGradient, pays


def convolution(inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1) -> nn.Conv2d:
    """Convolution that keeps the size (stride 1) or halves it (stride 2)."""
    return nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2)


class DenseBlock(nn.Module):
    """Residual dense block: each layer sees all before it, a 1x1 convolution fuses them, the input is added."""

    def __init__(self, channels: int, growth_rate: int, layers: int = 4) -> None:
        """Build the block.

        Args:
            channels: width of input and output.
            growth_rate: channels that each layer adds (G).
            layers: number of 3x3 convolutions (released code: 4).
        """
        super().__init__()
        self.layers = nn.ModuleList(convolution(channels + i * growth_rate, growth_rate) for i in range(layers))
        self.fusion = convolution(channels + layers * growth_rate, channels, kernel=1)

    def forward(self, features: Tensor) -> Tensor:
        """`(N, C, H, W)` to `(N, C, H, W)`."""
        if pays(features):
            layers = [self.fusion, *self.layers]
            result: Tensor = DenseGradient.apply(features, *(p for layer in layers for p in (layer.weight, layer.bias)))
            return result
        stack = features
        for layer in self.layers:
            stack = torch.cat([stack, torch.relu(layer(stack))], dim=1)
        fused: Tensor = self.fusion(stack)
        return fused + features


class ImageHead(nn.Sequential):
    """Two 3x3 convolutions from features to an image, with nothing between or after them (released code)."""

    def __init__(self, channels: int, hidden_channels: int, colours: int = 3) -> None:
        """Build the head.

        Args:
            channels: width of the features.
            hidden_channels: width between the two convolutions (released code: 16).
            colours: channels of the image.
        """
        super().__init__(convolution(channels, hidden_channels), convolution(hidden_channels, colours))
