"""The batch of a step as one process would see it, where several processes take a part each.

In one process nothing here does anything. Each function that communicates must be called by all processes alike.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.distributed as distributed
from torch import Tensor


class Part(NamedTuple):
    """Whose images are whose: how many each process has, in order, and which process this is."""

    sizes: tuple[int, ...]
    rank: int = 0

    @property
    def total(self) -> int:
        """Number of images of all processes."""
        return sum(self.sizes)

    @property
    def start(self) -> int:
        """Place of this process's first image in the whole batch."""
        return sum(self.sizes[: self.rank])

    @property
    def weight(self) -> float:
        """Weight that makes the mean over processes of their means the mean over all images."""
        return self.sizes[self.rank] * len(self.sizes) / self.total

    def own(self, places: Sequence[int]) -> list[int]:
        """Which images of this process lie at some places of the whole batch."""
        return [place - self.start for place in places if 0 <= place - self.start < self.sizes[self.rank]]

    def at(self, places: Sequence[int]) -> "Part":
        """Whose images are at some places of the whole batch; a process may have none."""
        parts = (Part(self.sizes, rank) for rank in range(len(self.sizes)))
        return Part(tuple(len(part.own(places)) for part in parts), self.rank)


def is_shared() -> bool:
    """Whether several processes take a part each."""
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1


def part_of(count: int) -> Part:
    """Whose images are whose, for a process that has `count`."""
    if not is_shared():
        return Part((count,))
    own = torch.tensor([count], device="cuda" if distributed.get_backend() == "nccl" else "cpu")
    counts = [torch.empty_like(own) for _ in range(distributed.get_world_size())]
    distributed.all_gather(counts, own)
    return Part(tuple(int(size) for size in counts), distributed.get_rank())


def draw(count: int) -> Tensor:
    """Random numbers in [0, 1) for the images of this process, `(count,)` from torch's global generator on the CPU.

    All processes draw for the whole batch and keep their own: from generators in one state, as one process would.
    """
    part = part_of(count)
    return torch.rand(part.total)[part.start : part.start + count]


def pooled(own: Tensor, part: Part, gain: float) -> Tensor:
    """Values of all processes, of which only one's own have a gradient, that many times.

    Args:
        own: `(part.sizes[part.rank],)`.
        part: whose values are whose.
        gain: factor of the gradient: where the mean over processes is taken of a loss of these values, the number of
            processes makes it the loss's own.

    Returns:
        `(part.total,)`.
    """
    if len(part.sizes) == 1:
        return own
    padded = own.detach().new_zeros(max(part.sizes))
    padded[: len(own)] = own.detach()
    gathered = [torch.empty_like(padded) for _ in part.sizes]
    distributed.all_gather(gathered, padded)
    values = [value[:size] for value, size in zip(gathered, part.sizes, strict=True)]
    values[part.rank] = own.detach() + gain * (own - own.detach())
    return torch.cat(values)
