"""What stands for a mean opinion score where nobody voted: how much an image was degraded, on purpose."""

from drbn_lightning.data.unpaired.splits import HIGH, LOW, MIDDLE
from drbn_lightning.errors import DRBNError

BEST, WORST = 9.0, 1.0
"""Scores of an image as it is and of one that is degraded as much as it gets."""


def score(severity: float) -> float:
    """Give the mean opinion score that stands for a severity in [0, 1].

    Example:
        >>> score(0), score(0.25), score(1)
        (9.0, 7.0, 1.0)
    """
    return BEST - (BEST - WORST) * severity


def severity(mos: float) -> float:
    """Undo `score`."""
    return (BEST - mos) / (BEST - WORST)


def kind_of(mos: float, high_mos: float, low_mos: float) -> str:
    """HIGH from one score on, LOW up to another, MIDDLE between them."""
    return HIGH if mos >= high_mos else LOW if mos <= low_mos else MIDDLE


def require_scores(high_mos: float, low_mos: float) -> None:
    """Check where good and bad begin.

    Raises:
        DRBNError: they are out of range, or the wrong way round.
    """
    if not WORST <= low_mos < high_mos <= BEST:
        scores = f"unpaired.low_mos={low_mos} and unpaired.high_mos={high_mos}"
        raise DRBNError(f"{scores} must be from {WORST} to {BEST}, the low one below the high one")
