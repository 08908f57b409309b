from pathlib import Path
from types import SimpleNamespace

import pytest
import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from drbn_lightning.assembly import build_experiment
from drbn_lightning.callbacks import progress
from drbn_lightning.callbacks.progress import RunProgressBar
from tests.running import tiny

SECONDS = 4000.0  # that a step takes by the clock of these tests


class Watch(Callback):
    """Asks the bar for its figures after every step."""

    def __init__(self, bar: RunProgressBar) -> None:
        self.bar, self.seen = bar, list[dict[str, object]]()

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: object) -> None:
        self.seen.append(dict(self.bar.get_metrics(trainer, pl_module)))


def watched(folder: Path, monkeypatch: pytest.MonkeyPatch, *overrides: str) -> list[dict[str, object]]:
    """The bar's figures after every step of a run, on a clock that only the steps move."""
    words = ("trainer.max_epochs=2", "callbacks={ema: null, best: null, last: null, images: null}", *overrides)
    experiment = build_experiment(tiny(folder, *words), "band", [])
    bar = RunProgressBar(refresh_rate=1)
    watch, trainer = Watch(bar), experiment.trainer
    trainer.callbacks[:0] = [bar, watch]  # type: ignore[attr-defined]
    clock = SimpleNamespace(monotonic=lambda: 100.0 + SECONDS * trainer.global_step)
    monkeypatch.setattr(progress, "time", clock)
    trainer.fit(experiment.stage, datamodule=experiment.data)
    return watch.seen


def test_tells_when_the_whole_run_will_be_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = watched(tmp_path, monkeypatch)
    assert [figures["left"] for figures in seen] == [
        "7:46:40", "6:40:00", "5:33:20", "4:26:40", "3:20:00", "2:13:20", "1:06:40", "0:00:00",
    ]  # fmt: skip
    assert {"train/loss", "train/psnr", "left"} <= set(seen[-1])
    assert "v_num" not in seen[-1]


def test_counts_steps_not_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = watched(tmp_path, monkeypatch, "trainer.accumulate_grad_batches=2")
    assert "left" not in seen[0]
    assert [figures["left"] for figures in seen[1::2]] == ["3:20:00", "2:13:20", "1:06:40", "0:00:00"]


def test_an_endless_run_has_no_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = watched(
        tmp_path, monkeypatch, "trainer.max_epochs=-1", "+trainer.max_time=00:00:00:01", "stage.scheduler=null"
    )
    assert seen
    assert all("left" not in figures for figures in seen)
