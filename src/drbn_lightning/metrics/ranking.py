"""How well a score of images agrees with people: AUROC and rank correlation.

Both depend on the order of the scores only, so logits, probabilities and any rising function of them give the same.
"""

import torch
from torch import Tensor
from torchmetrics.functional.classification import binary_auroc
from torchmetrics.functional.regression import spearman_corrcoef


def auroc(scores: Tensor, positive: Tensor) -> Tensor:
    """Probability that a positive image scores higher than another one; ties count half.

    NOTE: torchmetrics puts scores beyond [0, 1] through a sigmoid, which makes ties of large logits in float32; ranks
    keep their order.

    Args:
        scores: `(N,)`, any range.
        positive: `(N,)`, true for the positive images.

    Returns:
        A scalar in [0, 1]; NaN where either class is missing or a score is NaN.

    Raises:
        ValueError: the two are not of one length.

    Example:
        >>> auroc(torch.tensor([50.0, 20.0, 20.0, -3.0]), torch.tensor([True, True, False, False])).item()
        0.875
    """
    _require_rows(scores, positive)
    positive = positive.bool()
    if scores.isnan().any() or not positive.any() or positive.all():
        return scores.new_tensor(torch.nan, dtype=torch.float32)
    ranks = _ranks(scores)
    return binary_auroc(ranks / ranks.max().clamp(min=1), positive.long())


def spearman(scores: Tensor, mos: Tensor) -> Tensor:
    """Spearman's rank correlation of scores with mean opinion scores; ties share their mean rank.

    Args:
        scores: `(N,)`, any range.
        mos: `(N,)`, any range.

    Returns:
        A scalar in [-1, 1]; NaN where fewer than two images are given, either is constant or any value is NaN.

    Raises:
        ValueError: the two are not of one length.

    Example:
        >>> round(spearman(torch.tensor([-9.0, 0.5, 70.0]), torch.tensor([3.0, 4.5, 5.0])).item(), 4)
        1.0
    """
    _require_rows(scores, mos)
    if any(len(value) < 2 or value.isnan().any() or (value == value[0]).all() for value in (scores, mos)):
        return scores.new_tensor(torch.nan, dtype=torch.float32)
    return spearman_corrcoef(_ranks(scores), _ranks(mos))


def _require_rows(first: Tensor, second: Tensor) -> None:
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(f"shapes {tuple(first.shape)} and {tuple(second.shape)} are not (N,) and (N,)")


def _ranks(values: Tensor) -> Tensor:
    """Places in the order of the distinct values, from 0, as float32: equal values have equal ranks."""
    ranks: Tensor = torch.unique(values, return_inverse=True)[1]
    return ranks.float()
