"""How sure a mean over a few images is: percentile bootstrap intervals.

Percentiles of resampled means, not BCa: a few lines of numpy, and no need of scipy. With fewer than about ten values
the interval is too narrow, since it knows no spread but theirs.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BLOCK = 2**20  # values drawn at once, so that memory stays bounded


class Interval(NamedTuple):
    """A mean and the interval around it; `low` and `high` are NaN where there are fewer than two values."""

    mean: float
    low: float
    high: float


def interval(values: Iterable[float], confidence: float = 0.95, resamples: int = 10_000, seed: int = 0) -> Interval:
    """Percentile bootstrap interval of the mean.

    Args:
        values: one figure for each image; those that are NaN are left out.
        confidence: probability that the interval aims at, between 0 and 1.
        resamples: number of times that as many values are drawn, with replacement.
        seed: the same seed gives the same interval.

    Raises:
        ValueError: `confidence` or `resamples` is out of range.

    Example:
        >>> found = interval([1.0, 2.0, 3.0, 4.0])
        >>> found.mean, found.low, found.high
        (2.5, 1.5, 3.5)
    """
    if not 0 < confidence < 1 or resamples < 1:
        raise ValueError(f"confidence {confidence} must lie between 0 and 1, and resamples {resamples} be at least 1")
    numbers = np.asarray(list(values), dtype=np.float64)
    numbers = numbers[~np.isnan(numbers)]
    if numbers.size < 2:
        return Interval(float(numbers[0]) if numbers.size else np.nan, np.nan, np.nan)
    tail = (1 - confidence) / 2
    # Order statistics, not interpolation: infinite values (the PSNR of equal images) stay what they are.
    low, high = np.quantile(_means(numbers, resamples, seed), [tail, 1 - tail], method="inverted_cdf")
    return Interval(float(numbers.mean()), float(low), float(high))


def paired(
    first: Iterable[float],
    second: Iterable[float],
    confidence: float = 0.95,
    resamples: int = 10_000,
    seed: int = 0,
) -> Interval:
    """Interval of the mean difference, `second` minus `first`, of two methods on the same images.

    Args:
        first: one figure for each image.
        second: figures of the same images in the same order. An image with a NaN in either is left out.
        confidence: see `interval`.
        resamples: see `interval`.
        seed: see `interval`.

    Raises:
        ValueError: the lengths differ, or see `interval`.

    Example:
        >>> paired([1.0, 5.0, 3.0], [2.0, 6.0, 4.0])
        Interval(mean=1.0, low=1.0, high=1.0)
    """
    before, after = np.asarray(list(first), dtype=np.float64), np.asarray(list(second), dtype=np.float64)
    if before.shape != after.shape:
        raise ValueError(f"{len(before)} figures cannot be paired with {len(after)}")
    with np.errstate(invalid="ignore"):  # infinity minus infinity is NaN, and left out
        return interval(after - before, confidence, resamples, seed)


def _means(numbers: NDArray[np.float64], resamples: int, seed: int) -> NDArray[np.float64]:
    """Means of `resamples` draws of `len(numbers)` values with replacement."""
    rng = np.random.default_rng(seed)
    step = max(1, BLOCK // numbers.size)
    sizes = [min(step, resamples - done) for done in range(0, resamples, step)]
    return np.concatenate([rng.choice(numbers, (size, numbers.size)).mean(axis=1) for size in sizes])
