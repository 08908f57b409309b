"""Scoring images that have no target by a discriminator: what would people like?

A generator that was trained to please a discriminator pleases the same one more than people; score it by another one
where there is another.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from math import isnan
from typing import NamedTuple

import torch
from torch import Tensor, nn

from drbn_lightning.batches import PhotoBatch
from drbn_lightning.evaluation.scoring import csv_text, mean
from drbn_lightning.metrics.bootstrap import paired
from drbn_lightning.metrics.pixels import to_8_bit
from drbn_lightning.metrics.ranking import auroc, spearman
from drbn_lightning.types import TensorMethod

REAL_LOW = "real_low"
RATED = ("high", "middle", "low")
UNSEEN = "unseen"
SCORED = (*RATED, UNSEEN)
CONFIDENCE = 0.95
DEFINITIONS = (
    "quality: the discriminator's logit of the result rounded to 8 bits; p(high): its sigmoid, from 0 to 1; "
    "brightness: mean over pixels and colours, from 0 to 1; differences are of quality"
)


class PhotoScore(NamedTuple):
    """Figures of one photo by one method: `quality`, a logit, and mean `brightness` in [0, 1]."""

    image: str
    method: str
    quality: float
    brightness: float


class Rated(NamedTuple):
    """A photo, every method's result of it (`(3, H, W)`, 8-bit values in [0, 1]), and their scores."""

    batch: PhotoBatch
    results: dict[str, Tensor]
    scores: list[PhotoScore]


class Ratings(NamedTuple):
    """Rated photos as they are: logits and mean opinion scores, both `(N,)`, and the N kinds of `PhotoBatch`."""

    scores: Tensor
    mos: Tensor
    kinds: list[str]


@torch.inference_mode()
def rate(
    methods: dict[str, TensorMethod], batches: Iterable[PhotoBatch], discriminator: nn.Module, device: torch.device
) -> Iterator[Rated]:
    """Run every method on every real low-light photo; photos of other kinds are skipped.

    Args:
        methods: by name; each maps `(low, thumbnail)` to an image.
        batches: one photo each.
        discriminator: maps `(N, 3, H, W)` in [0, 1] to logits `(N,)`.
        device: where the discriminator runs.

    Yields:
        Results and scores, photo by photo.
    """
    score = _scorer(discriminator, device)
    for batch in batches:
        if batch.kind[0] != REAL_LOW:
            continue
        results, scores = {}, []
        for name, method in methods.items():
            result = to_8_bit(method(batch.photo, batch.thumbnail))
            scores.append(PhotoScore(batch.name[0], name, score(result).item(), result.mean().item()))
            results[name] = result[0]
        yield Rated(batch, results, scores)


@torch.inference_mode()
def score_ratings(batches: Iterable[PhotoBatch], discriminator: nn.Module, device: torch.device) -> Ratings:
    """Score photos that people have rated, as they are; real low-light photos are skipped.

    Args:
        batches: photos of one size each.
        discriminator: maps `(N, 3, H, W)` in [0, 1] to logits `(N,)`.
        device: where the discriminator runs.
    """
    score = _scorer(discriminator, device)
    scores, mos, kinds = [torch.empty(0)], [torch.empty(0)], list[str]()
    for batch in batches:
        rated = torch.tensor([kind in SCORED for kind in batch.kind])
        if rated.any():
            scores.append(score(batch.photo[rated]))
            mos.append(batch.mos[rated].float())
            kinds += [kind for kind in batch.kind if kind in SCORED]
    return Ratings(torch.cat(scores), torch.cat(mos), kinds)


def table(scores: list[PhotoScore]) -> str:
    """Means of each method as a text table, then the difference that each method makes to the one before it.

    Raises:
        ValueError: a method lacks a photo that another one has.
    """
    by_method: dict[str, list[PhotoScore]] = {}
    for score in scores:
        by_method.setdefault(score.method, []).append(score)
    width = max(len(name) for name in [*by_method, "method"])
    lines = [f"{'method':{width}}  photos  quality  p(high)  brightness"]
    for name, own in by_method.items():
        quality, brightness = mean(score.quality for score in own), mean(score.brightness for score in own)
        lines.append(f"{name:{width}}  {len(own):6}  {quality:7.3f}  {_probability(own):7.4f}  {brightness:10.4f}")
    return "\n".join(lines + [difference(*both) for both in pairwise(by_method.values())])


def difference(first: list[PhotoScore], second: list[PhotoScore]) -> str:
    """One line on how a second method's quality differs from a first one's on the same photos.

    Raises:
        ValueError: the photos are not the same in the same order.

    Example:
        >>> before = [PhotoScore("a", "band", -1.0, 0.3), PhotoScore("b", "band", 0.5, 0.4)]
        >>> difference(before, [PhotoScore("a", "recompose", 0.0, 0.5), PhotoScore("b", "recompose", 1.5, 0.5)])
        'recompose - band: +1.000 [1.000, 1.000] (2 photos, paired bootstrap, 95 %)'
    """
    if [score.image for score in first] != [score.image for score in second]:
        raise ValueError(f"{first[0].method} and {second[0].method} were not run on the same photos")
    both = [(score.quality, other.quality) for score, other in zip(first, second, strict=True)]
    change = paired([quality for quality, _ in both], [other for _, other in both], CONFIDENCE)
    photos = sum(not isnan(other - quality) for quality, other in both)
    how = f"{photos} photos, paired bootstrap, {100 * CONFIDENCE:g} %"
    return f"{second[0].method} - {first[0].method}: {change.mean:+.3f} [{change.low:.3f}, {change.high:.3f}] ({how})"


def ratings_table(ratings: Ratings) -> str:
    """Photos of each kind with their mean score and MOS, then how well the order of the scores agrees with people.

    Photos spoilt in ways that training never showed (`unseen`, see `unpaired.hold_out_kinds`) count by themselves.
    """
    kinds = Counter(ratings.kinds)
    lines = ["kind    photos  quality    MOS"]
    for kind in SCORED if kinds[UNSEEN] else RATED:
        own = _of_kind(ratings, kind)
        quality, mos = mean(ratings.scores[own].tolist()), mean(ratings.mos[own].tolist())
        lines.append(f"{kind:6}  {kinds[kind]:6}  {quality:7.3f}  {mos:5.2f}")
    lines.append(f"AUROC, high against low: {ratings_auroc(ratings):.4f}")
    unseen = _of_kind(ratings, UNSEEN)
    lines.append(f"Spearman, quality with MOS: {_correlation(ratings, ~unseen)}")
    if unseen.any():
        lines.append(f"Spearman, on photos spoilt in ways that training never showed: {_correlation(ratings, unseen)}")
    return "\n".join(lines)


def ratings_auroc(ratings: Ratings) -> float:
    """Probability that a photo of kind `high` scores higher than one of kind `low`; NaN without either."""
    high, low = _of_kind(ratings, "high"), _of_kind(ratings, "low")
    return auroc(ratings.scores[high | low], high[high | low]).item()


def as_csv(scores: list[PhotoScore]) -> str:
    """Scores as CSV, a row for each photo and method."""
    rows = ((score.image, score.method, f"{score.quality:.5f}", f"{score.brightness:.5f}") for score in scores)
    return csv_text(PhotoScore._fields, rows)


def _scorer(discriminator: nn.Module, device: torch.device) -> Callable[[Tensor], Tensor]:
    """The discriminator in evaluation mode on its device; logits come back as float32 on the CPU."""
    discriminator = discriminator.to(device).to(memory_format=torch.channels_last).eval()
    return lambda image: discriminator(image.to(device, memory_format=torch.channels_last)).float().cpu()


def _correlation(ratings: Ratings, chosen: Tensor) -> str:
    voted = chosen & ~ratings.mos.isnan()
    return f"{spearman(ratings.scores[voted], ratings.mos[voted]).item():.4f} ({int(voted.sum())} photos)"


def _of_kind(ratings: Ratings, kind: str) -> Tensor:
    return torch.tensor([other == kind for other in ratings.kinds], dtype=torch.bool)


def _probability(scores: list[PhotoScore]) -> float:
    qualities = torch.tensor([score.quality for score in scores], dtype=torch.float64)
    return mean(qualities.sigmoid().tolist())
