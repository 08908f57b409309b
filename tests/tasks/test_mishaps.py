import os
import signal

import pytest
import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

from drbn_lightning.data.datamodule import leave_interrupts_to_the_main_process
from drbn_lightning.tasks.mishaps import in_words


class Samples(Dataset[int]):
    """Two samples, the second of which makes its process end by a signal."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> int:
        if index == 1 and get_worker_info() is not None:
            os.kill(os.getpid(), self.number)
        return index


def test_a_killed_worker_is_told_from_a_fault_of_the_program() -> None:
    with pytest.raises(RuntimeError) as failure:
        list(DataLoader(Samples(signal.SIGKILL), num_workers=1))
    assert "data.num_workers" in (in_words(failure.value) or "")
    assert in_words(RuntimeError("shapes do not fit")) is None
    assert in_words(ValueError("DataLoader worker (pid 7)")) is None


def test_too_little_memory_is_told_from_a_fault_of_the_program() -> None:
    with pytest.raises(RuntimeError) as failure:
        torch.empty(2**60, dtype=torch.uint8)
    for error in (failure.value, MemoryError()):
        assert "data.batch_size" in (in_words(error) or "")


def test_a_worker_lives_through_requests_to_end_that_are_not_its_parents() -> None:
    options = {"num_workers": 1, "worker_init_fn": leave_interrupts_to_the_main_process}
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        assert len(list(DataLoader(Samples(number), **options))) == 2  # type: ignore[arg-type]  # of several types
    # 0 is no signal: one of the worker's own that still waits would take the parent's with it.
    loader = iter(DataLoader(Samples(0), **options))  # type: ignore[arg-type]
    next(loader)  # so that the worker has begun
    (worker,) = loader._workers  # type: ignore[attr-defined]
    worker.terminate()
    worker.join(60)
    assert worker.exitcode == 0
