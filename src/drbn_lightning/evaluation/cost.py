"""What a network costs: parameters and multiplications."""

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from drbn_lightning.networks.first_guess import thumbnails_of


def parameters(network: nn.Module) -> int:
    """Number of the network's parameters, shared ones once, frozen ones too.

    Example:
        >>> parameters(nn.Conv2d(3, 8, 3))
        224
    """
    return sum(parameter.numel() for parameter in network.parameters())


def gmac(network: nn.Module, height: int = 256, width: int = 256) -> float:
    """10^9 multiplications with addition that a network spends on one image, in convolutions and matrix products.

    Half of the operations that torch counts. Activations, resizing and sums are left out, as is usual.

    Args:
        network: takes `(low, thumbnail)`.
        height: of the image.
        width: of the image.
    """
    device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    dtype = next((parameter.dtype for parameter in network.parameters()), torch.float32)
    low = torch.full((1, 3, height, width), 0.1, device=device, dtype=dtype)
    thumbnail = thumbnails_of(low)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(low, thumbnail)
    return float(counter.get_total_flops()) / 2e9
