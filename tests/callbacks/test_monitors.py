import csv
import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import pytorch_lightning as pl
import torch
from torch import nn

from drbn_lightning.assembly import build_experiment
from drbn_lightning.batches import PairBatch, SemiSupervisedBatch, UnpairedBatch
from drbn_lightning.callbacks import monitors
from drbn_lightning.callbacks.monitors import gradient_norm, images_in, owner
from drbn_lightning.tasks.train import train
from drbn_lightning.tracking.charts import GRADIENT_NORM, MEMORY, SPEED
from tests.running import published, tiny, tiny_photos

STEPS, BATCH, SECONDS = 4, 2, 0.5


def column(folder: Path, name: str) -> list[float]:
    with (folder / "csv" / "version_0" / "metrics.csv").open() as file:
        return [float(row[name]) for row in csv.DictReader(file) if row.get(name)]


def test_the_norm_is_that_of_all_gradients_together() -> None:
    layers = nn.Linear(2, 1)
    layers.weight.grad, layers.bias.grad = torch.tensor([[3.0, 4.0]]), torch.tensor([12.0])
    assert gradient_norm(layers.parameters()) == 13.0
    assert gradient_norm([nn.Parameter(torch.ones(2))]) == 0


def test_a_group_of_parameters_is_named_after_its_network() -> None:
    module = nn.ModuleDict({"network": nn.Linear(1, 1), "discriminator": nn.Linear(1, 1)})
    assert owner(module, list(module["discriminator"].parameters())) == "discriminator"


def test_images_of_every_kind_of_batch() -> None:
    photo = torch.zeros(3, 3, 8, 8)
    pairs = PairBatch(photo[:2], photo[:2], torch.zeros(2), ["a", "b"])
    unpaired = UnpairedBatch(photo, None, photo[:1], torch.zeros(1))
    assert [images_in(batch) for batch in (pairs, unpaired, SemiSupervisedBatch(pairs, unpaired))] == [2, 4, 6]


def test_norms_are_logged_before_clipping_when_the_loggers_take_figures(tmp_path: Path) -> None:
    words = ("trainer.max_epochs=1", "trainer.log_every_n_steps=2", "callbacks.images=null")
    train(tiny(tmp_path / "clipped", *words, "trainer.gradient_clip_val=1e-3"), "band", [], publish=False)
    train(tiny(tmp_path / "not", *words, "trainer.gradient_clip_val=null"), "band", [], publish=False)
    norms = column(tmp_path / "clipped", GRADIENT_NORM)
    assert len(norms) == STEPS / 2
    assert min(norms) > 1e-2
    # Adam does not see the length of a gradient in its first step.
    assert norms[0] == pytest.approx(column(tmp_path / "not", GRADIENT_NORM)[0], rel=0.2)


def test_each_network_of_stage_2_has_a_norm_of_its_own(tmp_path: Path) -> None:
    published(tmp_path / "artifacts")
    words = ("trainer.max_epochs=1", "trainer.log_every_n_steps=1", "callbacks.images=null", "callbacks.speed=null")
    train(tiny_photos(tmp_path, "recompose", *words), "recompose", [], publish=False)
    for name in (GRADIENT_NORM, f"{GRADIENT_NORM}_discriminator"):
        norms = column(tmp_path, name)
        assert len(norms) == STEPS
        assert all(norm > 0 and math.isfinite(norm) for norm in norms)
    assert column(tmp_path, GRADIENT_NORM) != column(tmp_path, f"{GRADIENT_NORM}_discriminator")
    assert column(tmp_path, SPEED) == []


class Clock(pl.Callback):
    """A clock that only steps and validations move."""

    def __init__(self) -> None:
        self.now = 100.0

    def on_train_batch_start(self, *_: object) -> None:
        self.now += SECONDS

    def on_validation_start(self, *_: object) -> None:
        self.now += 1000.0


def test_speed_counts_the_time_of_training_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("trainer.max_epochs=2", "trainer.log_every_n_steps=2", "callbacks.images=null", "callbacks.best=null")
    experiment = build_experiment(tiny(tmp_path, *words), "band", [])
    clock = Clock()
    monkeypatch.setattr(monitors, "time", SimpleNamespace(monotonic=lambda: clock.now))
    experiment.trainer.callbacks.insert(0, clock)  # type: ignore[attr-defined]
    experiment.trainer.fit(experiment.stage, datamodule=experiment.data)
    assert column(tmp_path, SPEED) == [BATCH / SECONDS] * (2 * STEPS // 2)
    used = column(tmp_path, MEMORY)
    assert len(used) == 2 * STEPS // 2
    assert all(0 < peak < 1024 for peak in used)  # GiB, of any machine
