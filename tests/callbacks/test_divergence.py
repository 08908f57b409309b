from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from drbn_lightning.callbacks.divergence import NEVER, NORM, Divergence
from drbn_lightning.errors import DRBNError
from drbn_lightning.tasks.train import train
from tests.running import loader, tiny, trainer, weights

NAN, INF = float("nan"), float("inf")

pytestmark = pytest.mark.filterwarnings("ignore::pytorch_lightning.utilities.warnings.PossibleUserWarning")


class Scripted(pl.LightningModule):
    """Has the losses and figures that it is told."""

    def __init__(self, losses: list[float], figure: float = 0.0, gradient: float = 1.0) -> None:
        super().__init__()
        self.weight, self.losses = nn.Parameter(torch.ones(())), losses
        self.figure, self.gradient = figure, gradient

    def training_step(self, batch: object, batch_idx: int) -> Tensor:
        return self.losses[batch_idx] + Scaled.apply(self.weight, self.gradient)  # type: ignore[no-any-return]

    def validation_step(self, batch: object, batch_idx: int) -> None:
        self.log("val/psnr", self.figure, batch_size=1)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.0)


class Scaled(torch.autograd.Function):
    """One, whose gradient is what it is told."""

    @staticmethod
    def forward(context: Any, weight: Tensor, gradient: float) -> Tensor:  # noqa: ANN401 torch's
        context.gradient = gradient
        return weight.clone()

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401 torch's
        return gradient * context.gradient, None


def fit(folder: Path, module: Scripted, *, stop: bool = True, every: int = 4) -> pl.Trainer:
    callbacks: list[pl.Callback] = [
        Divergence(stop=stop),
        pl.callbacks.ModelCheckpoint(folder, filename="best", monitor="val/psnr", mode="max"),
    ]
    fitted = trainer(folder, log_every_n_steps=every, callbacks=callbacks)
    fitted.fit(module, loader([0] * len(module.losses)), loader([0]))
    return fitted


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_the_first_step_that_went_wrong_is_named(tmp_path: Path, bad: float) -> None:
    with pytest.raises(DRBNError, match=r"train/loss .*step 3.*stage\.optimizer\.lr"):
        fit(tmp_path, Scripted([1.0, 1.0, bad, 1.0, 1.0, 1.0]))


def test_it_is_looked_for_when_the_loggers_take_figures(tmp_path: Path) -> None:
    module = Scripted([1.0, NAN, 1.0, 1.0, 1.0, 1.0])
    with pytest.raises(DRBNError, match="step 2"):
        fit(tmp_path, module, every=4)
    assert module.global_step == 4


@pytest.mark.parametrize("gradient", [NAN, INF])
def test_gradients_count_as_well(tmp_path: Path, gradient: float) -> None:
    with pytest.raises(DRBNError, match=r"gradients .*step 1"):
        fit(tmp_path, Scripted([1.0] * 4, gradient=gradient))


def test_a_figure_that_is_no_number_chooses_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(DRBNError, match=r"val/psnr .*step 2"):
        fit(tmp_path, Scripted([1.0, 1.0], figure=NAN))
    assert not (tmp_path / "best.ckpt").exists()


@pytest.mark.parametrize("figure", [1.0, INF])
def test_a_run_that_goes_well_hears_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str], figure: float) -> None:
    fit(tmp_path, Scripted([1.0] * 6, figure=figure))
    assert (tmp_path / "best.ckpt").exists()
    assert "diverged" not in capfd.readouterr().err


def test_on_request_the_run_goes_on_and_hears_it_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trainer = fit(tmp_path, Scripted([NAN] * 6, figure=NAN), stop=False, every=1)
    assert trainer.global_step == 6
    lines = [line for line in capsys.readouterr().err.splitlines() if "diverged" in line]
    assert len(lines) == 1
    assert lines[0].startswith(f"warning: {NORM}" if "norm" in lines[0] else "warning: train/loss")


@pytest.mark.parametrize(("precision", "seen"), [("32-true", True), ("bf16-mixed", True), ("16-mixed", False)])
def test_with_float16_the_scaler_sees_to_infinite_gradients(precision: str, seen: bool) -> None:
    callback, parameter = Divergence(), nn.Parameter(torch.ones(()))
    parameter.grad = torch.tensor(INF)
    trainer: Any = SimpleNamespace(precision=precision, global_step=0)
    callback.on_before_optimizer_step(trainer, pl.LightningModule(), torch.optim.SGD([parameter], lr=0.1))
    assert (int(callback._first.get(NORM, torch.tensor(NEVER))) == 1) is seen


def test_the_last_good_checkpoint_stays(tmp_path: Path) -> None:
    words = ("stage.optimizer.lr=1e30", "stage.scheduler=null", "callbacks.last.minutes=0", "callbacks.ema=null")
    with pytest.raises(DRBNError, match=r"step 2.*last\.ckpt.*callbacks\.divergence\.stop"):
        train(tiny(tmp_path, *words, "trainer.max_epochs=1"), "band", [], publish=False)
    last = tmp_path / "checkpoints" / "last.ckpt"
    assert torch.load(last, weights_only=True)["global_step"] == 1
    assert all(torch.isfinite(tensor).all() for tensor in weights(last).values())
    assert not (tmp_path / "band.pt").exists()
