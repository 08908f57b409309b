"""What a method costs: parameters, multiplications and time."""

import platform
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from drbn_lightning.networks.first_guess import thumbnails_of

Method = Callable[[Tensor, Tensor], Tensor]


class Cost(NamedTuple):
    """What one picture of one size costs.

    Attributes:
        parameters: number of trained values; 0 for a method that has none.
        gmac: 10^9 multiplications with addition, of convolutions and matrix products; None where nothing counts them.
        milliseconds: median of the runs.
        fastest: milliseconds of the fastest run.
        slowest: milliseconds of the slowest run.
        how: size, runs, device, precision and threads of the measurement, in words.
    """

    parameters: int
    gmac: float | None
    milliseconds: float
    fastest: float
    slowest: float
    how: str


def parameters(network: nn.Module) -> int:
    """Number of the network's parameters, shared ones once, frozen ones too.

    Example:
        >>> parameters(nn.Conv2d(3, 8, 3))
        224
    """
    return sum(parameter.numel() for parameter in network.parameters())


def gmac(network: nn.Module, height: int = 256, width: int = 256) -> float:
    """10^9 multiplications with addition that a network spends on one picture, in convolutions and matrix products.

    Half of the operations that torch counts. Activations, resizing and sums are left out, as is usual.

    Args:
        network: takes `(low, thumbnail)`.
        height: of the picture.
        width: of the picture.
    """
    device = next((parameter.device for parameter in network.parameters()), torch.device("cpu"))
    dtype = next((parameter.dtype for parameter in network.parameters()), torch.float32)
    low = torch.full((1, 3, height, width), 0.1, device=device, dtype=dtype)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(low)
    return float(counter.get_total_flops()) / 2e9


def measure(
    method: Method,
    network: nn.Module | None = None,
    *,
    height: int = 400,
    width: int = 600,
    runs: int = 5,
    device: str = "cpu",
    precision: str = "float32",
) -> Cost:
    """Cost of a method for one picture; time is that of this machine as busy as it is now.

    Args:
        method: maps `(low, thumbnail)` on the CPU to a picture there.
        network: what it runs, for parameters and multiplications; None if it runs none.
        height: of the picture, for time and multiplications.
        width: of the picture.
        runs: how often time is taken, after one run that does not count.
        device: what the method runs on, for the words.
        precision: what the method computes in, for the words.

    Raises:
        ValueError: `runs` is below 1.
    """
    if runs < 1:
        raise ValueError(f"the median of {runs} runs is undefined; take at least 1")
    low = 0.2 * torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))
    thumbnail = thumbnails_of(low)
    times = [_milliseconds(method, low, thumbnail) for _ in range(runs + 1)][1:]
    threads = f", {torch.get_num_threads()} threads" if device == "cpu" else ""
    machine = platform.machine() if device == "cpu" else device
    how = f"{width} x {height} pixels, median of {runs} runs, {machine}{threads}, {precision}"
    multiplications = None if network is None else gmac(network, height, width)
    count = 0 if network is None else parameters(network)
    return Cost(count, multiplications, statistics.median(times), min(times), max(times), how)


@torch.inference_mode()
def _milliseconds(method: Method, low: Tensor, thumbnail: Tensor) -> float:
    start = time.perf_counter()
    method(low, thumbnail).cpu()  # waits for another device
    return 1000 * (time.perf_counter() - start)
