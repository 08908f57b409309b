"""Runs a function of a test in several processes that form a group, as `trainer=ddp` does."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as distributed
from torch.multiprocessing.spawn import spawn


def in_group(function: Callable[[int], Any], folder: Path, world_size: int = 2) -> list[Any]:
    """Call a function of a module with each rank, in a process of its own; what it returns, by rank.

    Args:
        function: it stands in a module; what it returns is plain values and tensors.
        folder: where the processes meet and leave what they return.
        world_size: number of processes.
    """
    spawn(_run, (function, folder, world_size), nprocs=world_size)  # type: ignore[no-untyped-call]  # torch's own
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(world_size)]


def _run(rank: int, function: Callable[[int], Any], folder: Path, world_size: int) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", f"file://{folder / 'meeting'}", rank=rank, world_size=world_size)
    torch.save(function(rank), folder / f"{rank}.pt")
    distributed.destroy_process_group()
