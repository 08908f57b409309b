"""Torch tensors as colour arrays, and back."""

import torch
from torch import Tensor

from drbn_lightning.errors import DRBNError
from drbn_lightning.inference.array_types import Enhance, enhanced_array


def enhanced_tensor(images: Tensor, enhance: Enhance) -> Tensor:
    """Enhance `(3, H, W)` or `(N, 3, H, W)`, floating point in [0, 1]; type and device stay.

    Raises:
        DRBNError: shape, type or range is another one.
    """
    if images.ndim not in (3, 4) or images.shape[-3] != 3 or not images.is_floating_point():
        kind = f"{tuple(images.shape)} {str(images.dtype).removeprefix('torch.')}"
        raise DRBNError(f"a tensor must be (3, H, W) or (N, 3, H, W), floating point in [0, 1]; this is {kind}")
    if images.ndim == 4:
        results = [enhanced_tensor(image, enhance) for image in images]
        return torch.stack(results) if results else images.detach().clone()
    pixels = images.detach().float().cpu().permute(1, 2, 0).numpy()
    return torch.from_numpy(enhanced_array(pixels, enhance)).permute(2, 0, 1).contiguous().to(images)
