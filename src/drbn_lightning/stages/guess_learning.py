"""Teaching a learned first guess by itself, from thumbnails of whole images, before the network is trained on crops.

Legend of dimensions: K thumbnails, S x S pixels each.
"""

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.utils import fuse_conv_bn_weights
from torch.optim.lr_scheduler import OneCycleLR

from drbn_lightning.networks.first_guess import Guess

SAMPLES = 4096
"""Thumbnails that are drawn from the training set."""
BATCH = 32
LEARNING_RATE = 3e-3
WEIGHT_DECAY = 0.1
MIXED_SHARE = 0.5
"""Share of the batches whose pairs are weighted means of two pairs (mixup)."""


class GuessErrors(NamedTuple):
    """Mean absolute error of the guess over the thumbnails it was taught on, in [0, 1]."""

    before: float
    after: float


def teach_guess(guess: Guess, low: Tensor, normal: Tensor, steps: int, seed: int) -> GuessErrors:
    """Teach a learned first guess anew.

    It has batch norm while it is taught, which is folded into its convolutions at the end. Without it the same number
    of steps ended 1.9 dB lower on held-out pairs (`docs/trials.md`).

    Args:
        guess: a learned one; what it knew is forgotten.
        low: thumbnails of whole low-light images, `(K, 3, S, S)` in [0, 1].
        normal: those of their targets, alike.
        steps: number of steps of `BATCH` thumbnails.
        seed: of everything that is drawn here; the global generator is left as it was.

    Source: ours.
    """
    predictor = guess.predictor
    assert predictor is not None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        predictor.reset()
        before = _error(guess, low, normal)
        plain = predictor.features
        predictor.features = _with_batch_norm(plain)
        try:
            _train(guess, low, normal, steps)
            _fold(predictor.features, plain)
        finally:
            predictor.features = plain
    return GuessErrors(before, _error(guess, low, normal))


def _train(guess: Guess, low: Tensor, normal: Tensor, steps: int) -> None:
    assert guess.predictor is not None
    learned = [parameter.requires_grad_(True) for parameter in guess.predictor.parameters()]
    optimizer = torch.optim.AdamW(learned, LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps + 1, pct_start=0.05)
    guess.train()
    for _ in range(steps):
        chosen = torch.randint(len(low), (min(BATCH, len(low)),))
        inputs, targets = _mixed(low[chosen], normal[chosen])
        loss = (guess(inputs, inputs) - targets).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()


def _mixed(low: Tensor, normal: Tensor) -> tuple[Tensor, Tensor]:
    if torch.rand(()) >= MIXED_SHARE:
        return low, normal
    other = torch.randperm(len(low))
    share = torch.rand(len(low), 1, 1, 1)
    return torch.lerp(low, low[other], share), torch.lerp(normal, normal[other], share)


def _error(guess: Guess, low: Tensor, normal: Tensor) -> float:
    guess.eval()
    total = 0.0
    with torch.no_grad():
        for start in range(0, len(low), BATCH):
            few, wanted = low[start : start + BATCH], normal[start : start + BATCH]
            total += float((guess(few, few) - wanted).abs().mean((1, 2, 3)).sum())
    return total / len(low)


def _with_batch_norm(features: nn.Sequential) -> nn.Sequential:
    layers: list[nn.Module] = []
    for layer in features:
        layers += [layer, nn.BatchNorm2d(layer.out_channels)] if isinstance(layer, nn.Conv2d) else [layer]
    return nn.Sequential(*layers)


def _fold(normalised: nn.Sequential, plain: nn.Sequential) -> None:
    """Make the plain layers compute what the normalised ones, whose convolutions they share, compute after training."""
    norms = iter(layer for layer in normalised if isinstance(layer, nn.BatchNorm2d))
    for layer in plain:
        if isinstance(layer, nn.Conv2d):
            norm = next(norms)
            assert norm.running_mean is not None
            assert norm.running_var is not None
            weight, bias = fuse_conv_bn_weights(
                layer.weight, layer.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
            )
            with torch.no_grad():
                layer.weight.copy_(weight)
                cast("Tensor", layer.bias).copy_(bias)
