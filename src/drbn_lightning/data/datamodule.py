"""The LightningDataModule that every source of samples shares: loaders, shards, fingerprints."""

import os
import signal
import threading
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Generic, Literal, TypeVar

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from drbn_lightning.batches import (
    Pair,
    PairBatch,
    Photo,
    PhotoBatch,
    SemiSupervisedBatch,
    SemiSupervisedSample,
    Unpaired,
    UnpairedBatch,
)
from drbn_lightning.data.fingerprints import Fingerprint
from drbn_lightning.data.sampling import EpochBatches, Position, ResumableLoader, Shard
from drbn_lightning.errors import KEY, OptionError

TRAINING, VALIDATION, TEST = 0, 1, 2  # streams of random numbers that never meet


Sample = TypeVar("Sample", covariant=True)
BATCHES: dict[type, type] = {
    Pair: PairBatch,
    Unpaired: UnpairedBatch,
    Photo: PhotoBatch,
    SemiSupervisedSample: SemiSupervisedBatch,
}


class SampleSet(Dataset[Sample], Generic[Sample]):
    """A data set that is asked for `(epoch, index)` and draws nothing from any global generator."""

    @abstractmethod
    def __len__(self) -> int:
        """Number of samples."""

    @abstractmethod
    def __getitem__(self, position: Position) -> Sample:
        """The sample at `(epoch, index)`."""


PairSet = SampleSet[Pair]


def collate(samples: Sequence[Any]) -> Any:  # noqa: ANN401 as in BATCHES
    """Stack samples of one kind and size into a batch of that kind, sample within sample."""
    return BATCHES[type(samples[0])](*(_column(values) for values in zip(*samples, strict=True)))


def _column(values: Sequence[Any]) -> Any:  # noqa: ANN401 tensor, list, batch or None
    first = values[0]
    if first is None:
        return None
    if isinstance(first, torch.Tensor):
        return torch.stack(list(values))
    return collate(values) if type(first) in BATCHES else list(values)


def leave_interrupts_to_the_main_process(worker: int) -> None:
    """Ctrl-C and its loss reach every process of a terminal; a worker that died would take the last step with it.

    A request to end (SIGTERM) reaches every process of a job where a cluster or a container makes it. There a worker
    ends only when its parent asks: torch does at the end.
    """
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    if hasattr(signal, "sigwaitinfo"):  # not on macOS
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=_end_when_told_by, args=(os.getppid(),), daemon=True).start()


def _end_when_told_by(process: int) -> None:
    while signal.sigwaitinfo({signal.SIGTERM}).si_pid != process:
        pass
    os._exit(0)


class SampleDataModule(pl.LightningDataModule):
    """Loads samples for training (crops), validation and testing (one whole image at a time).

    A source says what its sets are in `make_training_sets` and `make_test_set`.
    """

    group = "data"
    """Its group in the configuration, for messages."""
    holds = "samples"
    """What it holds, for people."""
    on_overlap: Literal["warn", "error"] = "warn"
    """What to do when a test image has been trained on."""
    on_overlap_key = f"{KEY}.on_overlap"
    """Its setting, or that of the part that is tested on, for messages."""
    has_test_set = True
    """Whether it tests on other images than it trains on or chooses a network by."""

    def __init__(self, batch_size: int = 4, num_workers: int = 2, seed: int = 0) -> None:
        """Set up the loaders.

        Args:
            batch_size: samples a step, over ALL processes.
            num_workers: processes that prepare samples, for each training process.
            seed: seed of order, crops and whatever else is drawn.

        Raises:
            DRBNError: `batch_size` is below 1 or `num_workers` negative.
        """
        super().__init__()
        if batch_size < 1:
            raise OptionError(f"{KEY}.batch_size is {batch_size}; it must be at least 1", self.group)
        if num_workers < 0:
            raise OptionError(f"{KEY}.num_workers is {num_workers}; use 0 to load in the main process", self.group)
        self.batch_size, self.num_workers, self.seed = batch_size, num_workers, seed
        self.train_set: SampleSet[Any] | None = None
        self.validation_set: SampleSet[Any] | None = None
        self.test_set: SampleSet[Any] | None = None
        self._loader: ResumableLoader | None = None
        self._resume_at: dict[str, int] | None = None

    @abstractmethod
    def make_training_sets(self) -> tuple[SampleSet[Any], SampleSet[Any]]:
        """The training set and a validation set that shares no image with it or with the test set."""

    @abstractmethod
    def make_test_set(self) -> SampleSet[Any]:
        """The test set."""

    @abstractmethod
    def trained_on(self) -> list[Fingerprint]:
        """Fingerprints of what shapes a network, which its checkpoint carries; after `setup("fit")`."""

    @abstractmethod
    def tested_on(self) -> Fingerprint:
        """Fingerprint of the test set; after `setup("test")`."""

    def setup(self, stage: str) -> None:
        """Open the sets that a stage needs, once."""
        if stage in ("fit", "validate") and self.train_set is None:
            self.train_set, self.validation_set = self.make_training_sets()
        if stage == "test" and self.test_set is None:
            self.test_set = self.make_test_set()

    def train_dataloader(self) -> ResumableLoader:
        """Shuffled crops; every sample once an epoch over all processes."""
        assert self.train_set is not None
        try:
            batches = EpochBatches(len(self.train_set), self.batch_size, self.seed, *self._place())
        except OptionError as error:
            raise error.below(self.group) from None
        self._loader = ResumableLoader(
            self.train_set,
            batches,
            collate_fn=collate,
            worker_init_fn=leave_interrupts_to_the_main_process,
            num_workers=self.num_workers,
            persistent_workers=self.num_workers > 0,
            pin_memory=torch.cuda.is_available(),
        )
        if self._resume_at is not None:
            self._loader.load_state_dict(self._resume_at)
        return self._loader

    def state_dict(self) -> dict[str, int]:
        """How far the epoch got, for a checkpoint."""
        return {} if self._loader is None else self._loader.state_dict()

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Go on from a checkpoint.

        NOTE: Lightning would restore the loader itself, but not one that it made early to count the run's steps.
        """
        self._resume_at = state_dict or None
        if self._loader is not None and state_dict:
            self._loader.load_state_dict(state_dict)

    def val_dataloader(self) -> DataLoader[Any]:
        """The validation set in order, one image at a time."""
        return self._in_order(self.validation_set)

    def test_dataloader(self) -> DataLoader[Any]:
        """The test set in order, one image at a time."""
        return self._in_order(self.test_set)

    def describe(self) -> str:
        """One line on what was loaded for training."""
        assert self.train_set is not None
        assert self.validation_set is not None
        fingerprints = ", ".join(f"{fingerprint.name} {fingerprint.identity}" for fingerprint in self.trained_on())
        counts = f"{len(self.train_set)} {self.holds} for training, {len(self.validation_set)} for validation"
        return f"{counts} ({fingerprints})"

    def _in_order(self, images: SampleSet[Any] | None) -> DataLoader[Any]:
        assert images is not None
        return DataLoader(
            images,
            sampler=Shard(len(images), *self._place()),
            collate_fn=collate,
            worker_init_fn=leave_interrupts_to_the_main_process,
            num_workers=min(1, self.num_workers),
            persistent_workers=self.num_workers > 0,
        )

    def _place(self) -> tuple[int, int]:
        """Rank of this process and number of processes."""
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer is not None else (0, 1)


class PairDataModule(SampleDataModule):
    """A source of pairs of a low-light image and its normal-light target."""

    holds = "pairs"
    train_set: PairSet | None
    validation_set: PairSet | None
    test_set: PairSet | None

    def thumbnails(self, count: int) -> tuple[Tensor, Tensor]:
        """Thumbnails of whole low-light images of the training set and of their targets, `(K, 3, S, S)` both.

        They come in the order of its epochs, of eight at most, and are the same whatever the number of processes is.
        """
        assert self.train_set is not None
        count = min(count, 8 * len(self.train_set))  # as many as there are ways to turn and mirror an image
        batches = EpochBatches(len(self.train_set), self.batch_size, self.seed)
        settings: dict[str, Any] = {
            "worker_init_fn": leave_interrupts_to_the_main_process,
            "num_workers": self.num_workers,
        }
        loader = DataLoader(self.train_set, batch_sampler=batches, collate_fn=_thumbnails, **settings)
        found: list[Tensor] = []
        while sum(map(len, found)) < count:
            found += loader
            batches.set_epoch(batches.epoch + 1)
        low, normal = torch.cat(found)[:count].unbind(1)
        return low, normal


def _thumbnails(pairs: Sequence[Pair]) -> Tensor:
    """Both thumbnails of N pairs, `(N, 2, 3, S, S)`."""
    return torch.stack([torch.stack([pair.thumbnail, pair.normal_thumbnail]) for pair in pairs])
