"""How long methods take, measured in turns so that whatever else the machine does falls on all of them alike."""

from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from drbn_lightning.errors import DRBNError
from drbn_lightning.inference.runtimes.onnx import open_onnx
from drbn_lightning.inference.runtimes.openvino import open_openvino
from drbn_lightning.inference.runtimes.precision import has_native_bfloat16
from drbn_lightning.inference.runtimes.torch import torch_method
from drbn_lightning.types import Method, Pixels


class Timed(NamedTuple):
    """A method, the seconds of each round, and its largest difference from the first method's result."""

    name: str
    seconds: list[float]
    difference: float

    @property
    def median(self) -> float:
        """Median of the rounds, in seconds."""
        return median(self.seconds)


def ways_to_run(
    network: nn.Module, path: Path, threads: int | None = None
) -> tuple[dict[str, Callable[[], Method]], list[str]]:
    """Every way in which a network can run on this CPU; bfloat16 only where the CPU has it.

    Args:
        network: maps `(low, thumbnail)` to `Bands`.
        path: the same network, exported.
        threads: how many other runtimes than torch use; by default as many as torch does.

    Returns:
        What opens each way, by name, and a line for each extra that is not installed.
    """
    cpu, notes = torch.device("cpu"), list[str]()
    ways: dict[str, Callable[[], Method]] = {
        "torch": lambda: torch_method(network, cpu),
        "torch bfloat16": lambda: torch_method(network, cpu, "bfloat16"),
        "onnxruntime": lambda: open_onnx(path, threads),
        "openvino": lambda: open_openvino(path, threads),
        "openvino bfloat16": lambda: open_openvino(path, threads, precision="bfloat16"),
    }
    for name in list(ways):
        if name.endswith("bfloat16") and not has_native_bfloat16():
            del ways[name]
    for name in [way for way in ways if not way.startswith("torch")]:
        try:
            ways[name]()
        except DRBNError as error:
            notes.append(f"{name} is left out: {error}")
            del ways[name]
    return ways, notes


def interleaved(methods: dict[str, Method], low: Pixels, thumbnail: Pixels, rounds: int) -> list[Timed]:
    """Time methods in turns, after a round that does not count.

    Args:
        methods: by name; the others' results are compared with the first one's.
        low: `(N, 3, H, W)`.
        thumbnail: `(N, 3, S, S)`.
        rounds: how often each is run.
    """
    results = {name: method(low, thumbnail) for name, method in methods.items()}
    first = next(iter(results.values()))
    timed = [Timed(name, [], float(np.abs(result - first).max())) for name, result in results.items()]
    for _ in range(rounds):
        for entry in timed:
            start = perf_counter()
            methods[entry.name](low, thumbnail)
            entry.seconds.append(perf_counter() - start)
    return timed


def timing_table(timed: list[Timed]) -> str:
    """A row for each method: median and least time, how many times as fast as the first, largest difference from it.

    Example:
        >>> print(timing_table([Timed("torch", [2.0, 1.0, 3.0], 0.0), Timed("onnxruntime", [1.0], 2.4e-7)]))
        method       median s  least s  times as fast  difference
        torch           2.000    1.000           1.00       0e+00
        onnxruntime     1.000    1.000           2.00       2e-07
    """
    width = max(len("method"), *(len(entry.name) for entry in timed))
    lines = [f"{'method':{width}}  median s  least s  times as fast  difference"]
    for entry in timed:
        ratio = timed[0].median / entry.median
        figures = f"{entry.median:8.3f}  {min(entry.seconds):7.3f}  {ratio:13.2f}  {entry.difference:10.0e}"
        lines.append(f"{entry.name:{width}}  {figures}")
    return "\n".join(lines)
