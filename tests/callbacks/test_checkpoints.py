import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from drbn_lightning.callbacks.checkpoints import AtomicCheckpointIO, BestCheckpoint, ResumePoint, any_process
from drbn_lightning.errors import DRBNError, QueuedAgainError


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    io, path = AtomicCheckpointIO(), tmp_path / "last.ckpt"
    io.save_checkpoint({"step": torch.tensor(1)}, path)
    before = path.read_bytes()
    with pytest.raises(DRBNError, match=r"last\.ckpt"):
        io.save_checkpoint({"step": torch.tensor(2)}, path / "last.ckpt")
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]


def test_the_best_network_is_known_where_the_folder_has_moved(tmp_path: Path) -> None:
    made, moved = (BestCheckpoint(str(tmp_path / name), "best", monitor="val/psnr", mode="max") for name in ("a", "b"))
    made.best_model_path, made.best_model_score = str(tmp_path / "a" / "best.ckpt"), torch.tensor(20.0)
    made.best_k_models = {made.best_model_path: torch.tensor(20.0)}
    moved.load_state_dict(made.state_dict())
    assert moved.best_model_path == str(tmp_path / "b" / "best.ckpt")
    assert list(moved.best_k_models) == [moved.best_model_path]
    assert moved.best_model_score == 20


def test_one_process_decides_by_itself_and_several_together() -> None:
    class Strategy:
        def reduce_boolean_decision(self, wish: bool, *, all: bool) -> bool:
            return not all

    one: Any = SimpleNamespace(world_size=1)
    two: Any = SimpleNamespace(world_size=2, strategy=Strategy())
    assert (any_process(one, True), any_process(one, False)) == (True, False)
    assert any_process(two, False)


def test_it_saves_when_it_is_time_and_not_before(tmp_path: Path) -> None:
    class Trainer:
        world_size, is_last_batch, accumulate_grad_batches = 1, False, 2
        saved = 0

        def save_checkpoint(self, path: Path) -> None:
            assert path == tmp_path / "last.ckpt"
            self.saved += 1

    def saved(minutes: float, batch: int, *, last: bool = False) -> int:
        trainer: Any = Trainer()
        trainer.is_last_batch = last
        ResumePoint(str(tmp_path), minutes).on_train_batch_end(trainer, stage, None, None, batch)
        count: int = trainer.saved
        return count

    stage: Any = None
    assert saved(60.0, 1) == 0
    assert saved(0.0, 1) == 1
    assert saved(0.0, 2) == 0  # gradients are still being summed up
    assert saved(0.0, 3, last=True) == 0  # the epoch's end saves
    assert isinstance(ResumePoint(str(tmp_path)), pl.callbacks.Checkpoint)


def test_a_job_is_queued_again_after_its_checkpoint(tmp_path: Path) -> None:
    done = list[str]()

    class Trainer:
        world_size, is_last_batch, accumulate_grad_batches = 1, False, 1

        def save_checkpoint(self, _: Path) -> None:
            done.append("saved")

    def queue_again(number: int, _: object) -> None:
        assert number == signal.SIGUSR2
        done.append("queued")
        raise SystemExit(144)

    trainer: Any = Trainer()
    module: Any = None
    before = signal.signal(signal.SIGUSR2, queue_again)
    point = ResumePoint(str(tmp_path), 60.0)
    point.on_train_start(trainer, module)
    try:
        signal.raise_signal(signal.SIGUSR2)
        assert done == []
        with pytest.raises(QueuedAgainError, match="144"):
            point.on_train_batch_end(trainer, module, None, None, 0)
    finally:
        point.teardown(trainer, module, "fit")
        assert signal.signal(signal.SIGUSR2, before) is queue_again
    assert done == ["saved", "queued"]
