from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from drbn_lightning.callbacks.ema import MovingAverage
from tests.running import loader, trainer


class Climbing(pl.LightningModule):
    """One weight that grows by 1 at every step."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1, bias=False)
        nn.init.zeros_(self.layer.weight)
        self.register_buffer("count", torch.zeros((), dtype=torch.long))

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        return -self.layer.weight.sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=1.0)


def averaged(folder: Path, steps: int, decay: float = 0.998) -> float:
    """The average of the weight after so many steps."""
    module = Climbing()
    averaging = trainer(folder, callbacks=[MovingAverage(decay)], enable_checkpointing=False)
    averaging.fit(module, loader([torch.zeros(1)] * steps))
    assert module.count.item() == 0  # type: ignore[operator]  # a buffer
    return float(module.layer.weight)


def expected(steps: int, decay: float) -> float:
    """The same by hand."""
    average = 1.0
    for step in range(2, steps + 1):
        now = min(decay, step / (9 + step))
        average = now * average + (1 - now) * step
    return average


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("steps", "decay"), [(1, 0.998), (10, 0.998), (200, 0.998), (200, 0.9), (20, 0.0)])
def test_averages_with_a_rising_decay(tmp_path: Path, steps: int, decay: float) -> None:
    assert averaged(tmp_path, steps, decay) == pytest.approx(expected(steps, decay), rel=1e-4)


def test_never_lags_far_behind() -> None:
    assert expected(570, 0.998) > 0.87 * 570
    assert expected(20_000, 0.998) == pytest.approx(20_000 - 499, rel=1e-3)  # where the constant decay is reached


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_a_wrong_decay_is_refused(decay: float) -> None:
    with pytest.raises(ValueError, match=r"callbacks\.ema\.decay"):
        MovingAverage(decay)
