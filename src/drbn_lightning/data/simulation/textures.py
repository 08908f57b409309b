"""Patterns and light for synthetic scenes: arrays of numpy, one value or colour per pixel.

Legend of dimensions: H x W pixels, K things in the scene, P pixels of one selection.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]


def cloud(rng: np.random.Generator, height: int, width: int, exponent: float) -> Field:
    """Draw a random field whose amplitude falls with spatial frequency f as f^-exponent (natural images: about 1).

    Args:
        rng: the source of randomness.
        height: rows.
        width: columns.
        exponent: 0 is white noise, 2 a soft gradient.

    Returns:
        `(H, W)`, of mean 0 and standard deviation 1; it is periodic.

    Example:
        >>> field = cloud(np.random.default_rng(0), 32, 48, exponent=1.0)
        >>> field.shape, bool(abs(field.mean()) < 1e-5), bool(abs(field.std() - 1) < 1e-4)
        ((32, 48), True, True)
    """
    spectrum = np.fft.rfft2(rng.standard_normal((height, width), dtype=np.float32))
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    frequency[0, 0] = np.inf
    field = np.fft.irfft2(spectrum * frequency**-exponent, s=(height, width)).astype(np.float32)
    return field / max(float(field.std()), 1e-9)


def stripes(rng: np.random.Generator, labels: NDArray[np.intp], share: float) -> Field:
    """Draw gratings and checks for some of the things of a scene: waves of 3 to 40 pixels, from soft to hard edged.

    Args:
        rng: the source of randomness.
        labels: `(H, W)`, the thing that each pixel shows, from 0.
        share: share of the things that have a pattern; the others stay plain.

    Returns:
        `(H, W)`, in [-0.6, 0.6], 0 where it is plain.
    """
    count = int(labels.max()) + 1
    amplitude = (rng.uniform(0.05, 0.6, count) * (rng.random(count) < share)).astype(np.float32)
    field = amplitude[labels]
    y, x = np.nonzero(field)
    field[y, x] *= _waves(rng, count, labels[y, x], y.astype(np.float32), x.astype(np.float32))
    return field


def _waves(rng: np.random.Generator, count: int, label: NDArray[np.intp], y: Field, x: Field) -> Field:
    """The pattern of thing `label[p]` at row `y[p]` and column `x[p]`: `(P,)` in [-1, 1]."""
    frequency = 2 * np.pi / np.exp(rng.uniform(np.log(3), np.log(40), count))
    angle, hardness = rng.uniform(0, np.pi, count), rng.uniform(0.8, 4, count).astype(np.float32)
    down, right = (frequency * np.stack([np.cos(angle), np.sin(angle)])).astype(np.float32)[:, label]
    wave = np.sin(down * y + right * x)
    checked = (rng.random(count) < 0.3)[label]
    wave[checked] *= 2 * np.sin(right * y - down * x)[checked]
    hard: Field = np.clip(wave * hardness[label], -1, 1)
    return hard


def light(rng: np.random.Generator, height: int, width: int) -> Field:
    """Draw the illumination of a scene: soft unevenness, up to two shadows, up to three coloured lamps, dark corners.

    Args:
        rng: the source of randomness.
        height: rows.
        width: columns.

    Returns:
        `(3, H, W)`, positive factors on linear light; about 1 in the middle of the range.
    """
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    field = np.exp(rng.uniform(0, 0.4) * cloud(rng, height, width, exponent=2.2))
    for _ in range(rng.integers(0, 3)):
        field = field * _shadow(rng, y, x)
    field = field * (1 - rng.uniform(0, 0.3) * (x * x + y * y))
    coloured = field[None] * tint(rng, 0.1)[:, None, None]
    for _ in range(rng.integers(0, 4)):
        coloured = coloured + tint(rng, 0.3)[:, None, None] * _lamp(rng, y, x)
    return _field(coloured)


def tint(rng: np.random.Generator, strength: float) -> Field:
    """Draw the colour of a light between bluish and, more often, yellowish: `(3,)` factors around 1.

    Args:
        rng: the source of randomness.
        strength: standard deviation of the logarithm of red over green.
    """
    warmth, green = rng.normal(strength / 3, strength), rng.normal(0, strength / 4)
    return _field(np.exp([warmth, green, -1.5 * warmth]))


def _shadow(rng: np.random.Generator, y: Field, x: Field) -> Field:
    """A straight shadow edge of random direction, depth and softness, in (0, 1)."""
    angle, place, softness = rng.uniform(0, 2 * np.pi), rng.uniform(-0.8, 0.8), np.exp(rng.uniform(-4, 0))
    distance = np.cos(angle) * x + np.sin(angle) * y - place
    return _field(1 - rng.uniform(0.1, 0.7) * (0.5 + 0.5 * np.tanh(_field(distance / softness))))


def _lamp(rng: np.random.Generator, y: Field, x: Field) -> Field:
    """The round glow of a lamp within or near the frame."""
    centre, radius = rng.uniform(-1.3, 1.3, 2), np.exp(rng.uniform(-2, 0.3))
    glow = np.exp(-((y - centre[0]) ** 2) / (2 * radius**2)) * np.exp(-((x - centre[1]) ** 2) / (2 * radius**2))
    return _field(rng.uniform(0.1, 2) * glow)


def _field(values: NDArray[Any]) -> Field:
    """Values as single precision."""
    return np.asarray(values, np.float32)
