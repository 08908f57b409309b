from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from drbn_lightning.callbacks.last_validation import LastValidation
from tests.running import loader, trainer

pytestmark = pytest.mark.filterwarnings("ignore::pytorch_lightning.utilities.warnings.PossibleUserWarning")


class Counting(pl.LightningModule):
    """Remembers after how many steps it was validated."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.validated = nn.Parameter(torch.ones(())), list[int]()

    def training_step(self, batch: object, batch_idx: int) -> Tensor:
        return self.weight * 1.0

    def validation_step(self, batch: object, batch_idx: int) -> None:
        self.validated.append(self.global_step)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def validated(
    folder: Path, *callbacks: pl.Callback, steps: int = -1, epochs: int = -1, accumulated: int = 1
) -> list[int]:
    """Train epochs of four batches, validated every second epoch, so many steps or epochs."""
    module = Counting()
    limits = {"max_steps": steps, "max_epochs": epochs, "check_val_every_n_epoch": 2, "num_sanity_val_steps": 0}
    fitted = trainer(folder, callbacks=list(callbacks), accumulate_grad_batches=accumulated, **limits)
    fitted.fit(module, loader([0] * 4), loader([0]))
    return module.validated


@pytest.mark.parametrize(
    ("limits", "without", "when"),
    [
        ({"steps": 10}, [8], [8, 10]),  # within an epoch
        ({"steps": 12}, [8], [8, 12]),  # at the end of one that is not validated
        ({"steps": 8}, [8], [8]),  # nothing twice
        ({"epochs": 3}, [8], [8, 12]),
        ({"steps": 5, "accumulated": 2}, [4], [4, 5]),
    ],
)
def test_the_last_step_is_validated(
    tmp_path: Path, limits: dict[str, int], without: list[int], when: list[int]
) -> None:
    assert validated(tmp_path, **limits) == without
    assert validated(tmp_path, LastValidation(), **limits) == when
