"""Images that the tests of the baselines share."""

import torch
from torch import Tensor

from drbn_lightning.batches import PairBatch
from drbn_lightning.networks.first_guess import thumbnails_of


def pair(seed: int, gamma: float, height: int = 9, width: int = 13, count: int = 1) -> PairBatch:
    """8-bit images whose targets are nearly a gamma curve of them."""
    generator = torch.Generator().manual_seed(seed)
    low = torch.randint(0, 200, (count, 3, height, width), generator=generator) / 255
    noise = 0.05 * torch.randn(low.shape, generator=generator)
    normal = ((low**gamma + noise).clamp(0, 1) * 255).round() / 255
    return PairBatch(low, normal, thumbnails_of(low), [f"{seed}_{row}" for row in range(count)])


def images(height: int = 24, width: int = 31, count: int = 2) -> Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(0))


def scene(height: int = 96, width: int = 160) -> tuple[Tensor, Tensor]:
    """A textured reflectance, and an illumination of two parts with an edge between them."""
    reflectance = 0.8 + 0.2 * images(height, width, 1)
    illumination = torch.full((1, 1, height, width), 0.4)
    illumination[..., width // 2 :] = 0.08
    return reflectance, illumination
