import csv
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from drbn_lightning.assembly import build_experiment
from drbn_lightning.errors import DRBNError
from drbn_lightning.tasks.train import train
from tests.marks import slow_but
from tests.running import tiny


class Seen(Callback):
    """Keeps the batches of a training."""

    def __init__(self) -> None:
        self.low: list[torch.Tensor] = []

    def on_train_batch_start(self, trainer: pl.Trainer, module: pl.LightningModule, batch: object, _: int) -> None:
        self.low.append(batch.low)  # type: ignore[attr-defined]  # a PairBatch


def batches(folder: Path, *words: str) -> list[torch.Tensor]:
    experiment = build_experiment(tiny(folder, "trainer.max_epochs=3", *words), "band", [])
    seen = Seen()
    experiment.trainer.callbacks.append(seen)  # type: ignore[attr-defined]  # a list
    experiment.trainer.fit(experiment.stage, datamodule=experiment.data)
    return seen.low


@pytest.mark.parametrize("workers", slow_but({0}, [0, 1]))
def test_every_step_has_the_same_batch(tmp_path: Path, workers: int) -> None:
    words = ("debug=overfit", "trainer.max_epochs=3", f"data.num_workers={workers}")
    low = batches(tmp_path / "one", *words)
    assert len(low) == 3
    assert all(torch.equal(batch, low[0]) for batch in low)
    other = batches(tmp_path / "other", *words, "~callbacks.one_batch")
    assert not torch.equal(other[0], other[1])


@pytest.mark.slow
def test_one_batch_is_learned_and_not_published(tmp_path: Path) -> None:
    config = tiny(tmp_path / "run", "debug=overfit", "network.base_channels=8", "stage.optimizer.lr=0.01")
    assert train(config, "band", [], publish=True) is None
    (file,) = tmp_path.glob("run/csv/*/metrics.csv")
    with file.open() as lines:
        losses = [float(row["train/loss"]) for row in csv.DictReader(lines) if row["train/loss"]]
    assert len(losses) == 100
    assert losses[-1] < losses[0] - 0.4
    assert (tmp_path / "run" / "band.pt").exists()
    assert not (tmp_path / "run" / "artifacts").exists()


def test_more_batches_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DRBNError, match=r"2 batches.*trainer\.limit_train_batches=1"):
        train(tiny(tmp_path, "debug=overfit", "trainer.limit_train_batches=2"), "band", [], publish=False)
