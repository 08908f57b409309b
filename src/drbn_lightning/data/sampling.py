"""Which sample comes when: a pure function of seed, epoch and number of processes, and where a resumed run goes on."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from torch.utils.data import DataLoader, Dataset, Sampler

from drbn_lightning.batches import PairBatch
from drbn_lightning.data.crops import generator
from drbn_lightning.errors import KEY, OptionError

Position = tuple[int, int]  # (epoch, index): what a data set is asked for

_SHUFFLE_STREAM = 977  # keeps the order of the samples independent of what is drawn within them


class EpochBatches(Sampler[list[Position]]):
    """Shuffled batches of an epoch, dealt out to the processes; every sample comes exactly once.

    No batch is larger than asked for. Where the samples do not divide evenly, the batches differ in size by one at
    most, and so do the processes' shares of a batch: 673 pairs in batches of 4 make 169 steps.
    """

    def __init__(self, length: int, batch_size: int, seed: int, rank: int = 0, world_size: int = 1) -> None:
        """Set up the batches.

        Args:
            length: number of samples in the data set.
            batch_size: samples a step over ALL processes.
            seed: seed of the order.
            rank: number of this process.
            world_size: number of processes.

        Raises:
            DRBNError: a step would leave a process without a sample.
        """
        smallest = length // -(-length // batch_size) if length else 0
        if smallest < world_size:
            raise OptionError(
                f"{world_size} processes cannot share batches of {smallest}: raise {KEY}.batch_size "
                "(it counts the samples of all processes) or lower trainer.devices"
            )
        self.length, self.batch_size, self.seed = length, batch_size, seed
        self.rank, self.world_size = rank, world_size
        self.epoch, self.held = 0, False
        self.resume_at: tuple[int, int] | None = None

    @property
    def sampler(self) -> "EpochBatches":
        """Where Lightning looks for `set_epoch`."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration, unless it is held."""
        self.epoch = self.epoch if self.held else epoch

    def hold(self) -> None:
        """Give the batches of the present epoch again and again, for debugging."""
        self.held = True

    @property
    def skipped(self) -> int:
        """Number of batches that the next iteration leaves out, because a resumed run has had them."""
        return self.resume_at[1] if self.resume_at is not None and self.resume_at[0] == self.epoch else 0

    def __len__(self) -> int:
        """Number of steps of a whole epoch."""
        return -(-self.length // self.batch_size)

    def __iter__(self) -> Iterator[list[Position]]:
        order = generator(self.seed, _SHUFFLE_STREAM, self.epoch).permutation(self.length)
        for batch in np.array_split(order, len(self))[self.skipped :]:
            share = np.array_split(batch, self.world_size)[self.rank]
            yield [(self.epoch, int(index)) for index in share]


class Shard(Sampler[Position]):
    """A process's share of a validation or test set: every sample once, in order, over all processes."""

    def __init__(self, length: int, rank: int = 0, world_size: int = 1) -> None:
        """Set up the share; where there are fewer samples than processes each process takes all of them."""
        self.indices = range(length) if length < world_size else range(rank, length, world_size)

    def __len__(self) -> int:
        return len(self.indices)

    def __iter__(self) -> Iterator[Position]:
        return ((0, index) for index in self.indices)


class ResumableLoader(DataLoader[PairBatch]):
    """A loader over `EpochBatches` that says how far it got and goes on from there (Lightning saves its state)."""

    def __init__(self, dataset: Dataset[PairBatch], batches: EpochBatches, **options: Any) -> None:  # noqa: ANN401 torch's own options
        """Set up the loader; `options` as for `DataLoader`."""
        super().__init__(dataset, batch_sampler=batches, **options)
        self.batches = batches
        self._yielded = 0

    def __iter__(self) -> Iterator[PairBatch]:  # type: ignore[override]  # Lightning only iterates
        self._yielded = self.batches.skipped
        for batch in super().__iter__():
            self._yielded += 1
            yield batch

    def state_dict(self) -> dict[str, int]:
        """Epoch, and number of its batches handed out."""
        return {"epoch": self.batches.epoch, "batches": self._yielded}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on after the batches that `state` counts, if the next iteration is in the same epoch."""
        self.batches.resume_at = (state["epoch"], state["batches"])
        self._yielded = state["batches"]
