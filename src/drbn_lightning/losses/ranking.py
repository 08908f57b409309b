"""What a discriminator can learn from scores of images beyond which are good and which are bad: their order."""

from torch import Tensor
from torch.nn.functional import softplus


def ranking_loss(logits: Tensor, scores: Tensor) -> Tensor:
    """Mean of -log sigmoid(difference of logits) over all pairs of images, weighted by the difference of their scores.

    Source: Burges et al., "Learning to rank using gradient descent", ICML 2005; the weights are ours.

    Args:
        logits: `(N,)`.
        scores: `(N,)`, mean opinion scores; an image whose score is NaN counts in no pair.

    Returns:
        A scalar; NaN where no two images have different scores.

    Example:
        >>> import torch
        >>> scores = torch.tensor([7.0, 5.0, 1.0])
        >>> right, wrong = ranking_loss(scores, scores), ranking_loss(-scores, scores)
        >>> round(right.item(), 3), round(wrong.item(), 3)
        (0.028, 4.695)
    """
    known = ~scores.isnan()
    logits, scores = logits.float()[known], scores.float()[known]
    better = (scores[:, None] - scores).clamp(min=0)
    return (better * softplus(logits - logits[:, None])).sum() / better.sum()
