"""JPEG in the way of images that a discriminator compares.

Real photos come from JPEG files and enhanced images do not; a discriminator would find that out first. Both through
the same codec, it has to look for something else. In neither the paper nor the released code.
"""

import torch
from kornia.enhance import jpeg_codec_differentiable
from torch import Tensor, nn

from drbn_lightning.networks.global_batch import draw


class Reencoding(nn.Module):
    """Passes images through a differentiable JPEG: of random quality in training, of the middle one otherwise.

    Example:
        >>> Reencoding().eval()(torch.rand(2, 3, 5, 7)).shape
        torch.Size([2, 3, 5, 7])
    """

    def __init__(self, lowest_quality: float = 75.0, highest_quality: float = 95.0) -> None:
        """Set the range of JPEG's quality, within 1 to 100.

        Raises:
            ValueError: the range is empty or leaves 1 to 100.
        """
        super().__init__()
        if not 1 <= lowest_quality <= highest_quality <= 100:
            interval = f"[{lowest_quality}, {highest_quality}]"
            raise ValueError(f"reencode is {interval}; give two JPEG qualities from 1 to 100, the lower one first")
        self.lowest_quality, self.highest_quality = float(lowest_quality), float(highest_quality)

    def qualities(self, count: int) -> Tensor:
        """`(count,)` qualities on the CPU, in training drawn evenly from the range by torch's global generator."""
        share = draw(count) if self.training else torch.full((count,), 0.5)
        return self.lowest_quality + (self.highest_quality - self.lowest_quality) * share

    def forward(self, image: Tensor) -> Tensor:
        """Encode and decode.

        Args:
            image: `(N, 3, H, W)` display values of any size; clipped to [0, 1], and beyond it without gradient.

        Returns:
            `(N, 3, H, W)`, at most 0.0001 outside of [0, 1], always float32, not rounded to 8 bits.
        """
        with torch.autocast(image.device.type, enabled=False):
            clipped = image.float().clamp(0, 1)
            quality = self.qualities(len(image)).to(image.device)
            if not len(image):
                return clipped
            decoded: Tensor = jpeg_codec_differentiable(clipped, quality)
            return decoded
