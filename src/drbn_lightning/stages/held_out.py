"""Scores of held-out photos, collected over all processes, and which photos are compared with which."""

import torch
from torch import Tensor
from torchmetrics import Metric

from drbn_lightning.errors import DRBNError

KINDS = ("high", "low", "middle", "real_low", "unseen")


class HeldOutRatings(Metric):
    """Collects scores of held-out photos over all processes: AUROC, rank correlation with MOS, loss."""

    full_state_update = False
    logits: list[Tensor]
    mos: list[Tensor]
    kinds: list[Tensor]

    def __init__(self) -> None:
        """Start with no photo seen."""
        super().__init__()
        for name in ("logits", "mos", "kinds"):
            self.add_state(name, [], dist_reduce_fx="cat")

    def update(self, logits: Tensor, mos: Tensor, kinds: list[str]) -> None:
        """Add photos: `logits` and `mos` are `(N,)`, `kinds` as in `PhotoBatch`."""
        self.logits.append(logits.float())
        self.mos.append(mos.float())
        self.kinds.append(torch.tensor([KINDS.index(kind) for kind in kinds], device=logits.device))

    def compute(self) -> tuple[Tensor, Tensor, Tensor]:
        """All photos seen: logits, MOS and numbers of kinds, each `(N,)`."""
        return _joined(self.logits), _joined(self.mos), _joined(self.kinds)


def sides(kinds: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Which photos are high-MOS, which low-MOS, which enhanced; `kinds` are as in `QualityLearning.evaluate`."""
    high, low, enhanced = (kinds == KINDS.index(kind) for kind in ("high", "low", "real_low"))
    return high, low, enhanced


def as_good_and_as_bad(mos: Tensor, high: Tensor, low: Tensor) -> tuple[Tensor, Tensor]:
    """Which photos have scores as good as the worst high-MOS photo's, and which as bad as the best low-MOS photo's.

    Args:
        mos: `(N,)`, NaN where nobody voted.
        high: `(N,)`, which photos are high-MOS.
        low: `(N,)`, which are low-MOS.
    """
    worst_high = mos[high].min() if high.any() else torch.nan
    best_low = mos[low].max() if low.any() else torch.nan
    return mos >= worst_high, mos <= best_low


def require_both_sides(kinds: Tensor) -> None:
    """Raise a DRBNError unless high-MOS photos and others are among those scored; `kinds` are as for `sides`."""
    high, low, enhanced = sides(kinds)
    for what, there in (("no high-MOS photo", high), ("no low-MOS or enhanced photo", low | enhanced)):
        if not there.any():
            raise DRBNError(
                f"val/loss cannot be told: {what} is among those held out for validation; raise unpaired's "
                "validation_share, validation_photos, real_low_validation_share or real_low_validation_photos, or "
                "trainer.limit_val_batches; no validation at all (trainer.limit_val_batches=0) works too"
            )


def _joined(values: list[Tensor] | Tensor) -> Tensor:
    """All values as one tensor; torchmetrics has joined them already where there are several processes."""
    if isinstance(values, Tensor):
        return values
    return torch.cat(values) if values else torch.empty(0)
