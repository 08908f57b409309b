"""Endless synthetic scenes, for training without any download: well exposed images with natural statistics.

A scene is a map of labels: which of K things each pixel shows. Occluding shapes of power-law sizes ("dead leaves":
Lee, Mumford and Huang, IJCV 2001), rows of strips as on shelves, and lines of glyphs paint the map; each thing then has
one colour out of the scene's palette, a gradient, a texture and perhaps a grating; coloured light falls on all of it.

Brightness, contrast, saturation and gradients of 128 x 128 scenes were set to span those of crops of the same size
from the targets of LOL-v1's our485 and from 120 photos of BSDS500.
"""

import numpy as np
import torch
from kornia.color import hsv_to_rgb, linear_rgb_to_rgb
from kornia.filters import gaussian_blur2d
from numpy.typing import NDArray
from torch import Tensor

from drbn_lightning.data.simulation.textures import Field, cloud, light, stripes

Labels = NDArray[np.intp]

_SMALLEST = 8


def scene(rng: np.random.Generator, height: int, width: int) -> Tensor:
    """Draw a scene; equal states of `rng` give equal bits.

    With another number of torch threads the last bit may differ: torch computes powers at the ends of chunks otherwise.

    Args:
        rng: the only source of randomness.
        height: rows, at least 8.
        width: columns, at least 8.

    Returns:
        `(3, H, W)` float32 display (sRGB) values in [0, 1].

    Raises:
        ValueError: a side is shorter than 8 pixels.

    Example:
        >>> image = scene(np.random.default_rng(0), 48, 64)
        >>> tuple(image.shape), bool(0.1 < image.mean() < 0.9)
        ((3, 48, 64), True)
    """
    if min(height, width) < _SMALLEST:
        raise ValueError(f"a scene of {height} x {width} pixels is too small; each side needs {_SMALLEST}")
    reflected = _materials(rng, _things(rng, height, width)) * light(rng, height, width)
    return _develop(rng, torch.from_numpy(reflected))


def _things(rng: np.random.Generator, height: int, width: int) -> Labels:
    """Paint the map of labels `(H, W)`; label 0 is the background."""
    labels = np.zeros((height, width), np.intp)
    count = int(np.exp(rng.uniform(np.log(6), np.log(110))))
    radii = _radii(rng, count, largest=0.7 * float(np.sqrt(height * width)))
    for label, radius in enumerate(radii, start=1):
        _leaf(rng, labels, label, radius)
    for paint in (_strips, _glyphs):
        for _ in range(int(rng.integers(0, 3)) * (rng.random() < 0.35)):
            paint(rng, labels)
    return labels


def _radii(rng: np.random.Generator, count: int, largest: float) -> Field:
    """Radii in pixels with a density between r^-2 and r^-3 (scale invariance); in half of the scenes they fall."""
    smallest = float(np.exp(rng.uniform(np.log(2), np.log(max(0.17 * largest, 3)))))
    power = rng.uniform(1, 2)
    radii = smallest * (1 - rng.random(count) * (1 - (smallest / largest) ** power)) ** (-1 / power)
    return (np.sort(radii)[::-1] if rng.random() < 0.5 else radii).astype(np.float32)


def _leaf(rng: np.random.Generator, labels: Labels, label: int, radius: float) -> None:
    """Paint an ellipse, a rectangle or a polygon of 3 to 6 corners; some are as thin as a stroke."""
    height, width = labels.shape
    cy, cx = rng.uniform(0, height), rng.uniform(0, width)
    top, left = max(int(cy - radius), 0), max(int(cx - radius), 0)
    area = labels[top : int(cy + radius) + 2, left : int(cx + radius) + 2]
    y = (np.arange(area.shape[0], dtype=np.float32)[:, None] + np.float32(top - cy)) / np.float32(radius)
    x = (np.arange(area.shape[1], dtype=np.float32)[None, :] + np.float32(left - cx)) / np.float32(radius)
    area[_inside(rng, y, x)] = label


def _inside(rng: np.random.Generator, y: Field, x: Field) -> NDArray[np.bool_]:
    """A mask of a random shape within the unit circle (a polygon within the unit square)."""
    aspect, kind = np.float32(np.exp(-abs(rng.normal(0, 1)))), rng.random()
    if kind < 0.3:
        corners = int(rng.integers(3, 7))
        angles = np.float32(2 * np.pi) * (np.arange(corners) + rng.uniform(-0.3, 0.3, corners) + rng.random()) / corners
        mask = np.ones(np.broadcast(y, x).shape, np.bool_)
        for cosine, sine in zip(np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32), strict=True):
            mask &= cosine * x + sine * y < 0.6
        return mask
    angle = rng.uniform(0, np.pi) if rng.random() < 0.6 else 0.0
    cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    along, across = cosine * x + sine * y, (cosine * y - sine * x) / aspect
    if kind < 0.6:
        return along * along + across * across < 1
    return np.maximum(np.abs(along), np.abs(across)) < np.float32(0.8)


def _area(rng: np.random.Generator, labels: Labels) -> Labels:
    """A random window of the map, at least 8 x 8, to paint into."""
    sides = [int(rng.integers(_SMALLEST, max(side * 3 // 4, _SMALLEST) + 1)) for side in labels.shape]
    top, left = (int(rng.integers(0, side - part + 1)) for side, part in zip(labels.shape, sides, strict=True))
    return labels[top : top + sides[0], left : left + sides[1]]


def _strips(rng: np.random.Generator, labels: Labels) -> None:
    """Paint a row of strips of different widths, like books, slats or window panes."""
    area = _area(rng, labels)
    area = area if rng.random() < 0.7 else area.T
    widths = rng.integers(2, 3 + area.shape[1] // 6, area.shape[1] // 2 + 1)
    strips = np.repeat(np.arange(widths.size) % rng.integers(2, 30), widths)[: area.shape[1]]
    area[:] = labels.max() + 1 + strips


def _glyphs(rng: np.random.Generator, labels: Labels) -> None:
    """Paint lines of text-like marks: random 5 x 3 cells of ink, with spaces between glyphs and lines."""
    area, cell, ink = _area(rng, labels), int(rng.integers(1, 4)), int(labels.max()) + 1
    rows, columns = (side // cell + 1 for side in area.shape)
    marks = (rng.random((rows, columns)) < 0.6) & (np.arange(rows)[:, None] % 7 < 5) & (np.arange(columns) % 4 < 3)
    marks = marks.repeat(cell, axis=0).repeat(cell, axis=1)[: area.shape[0], : area.shape[1]]
    if rng.random() < 0.6:
        area[:] = ink + 1
    area[marks] = ink


def _materials(rng: np.random.Generator, labels: Labels) -> Field:
    """Colour the things: `(3, H, W)`, reflected share of linear light, with gradient, texture and pattern."""
    height, width = labels.shape
    count = int(labels.max()) + 1
    slopes = rng.normal(0, 0.5, (2, count)).astype(np.float32)
    roughness = (rng.uniform(0, 0.8) * rng.random(count) ** 3).astype(np.float32)
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    shade = slopes[0][labels] * y + slopes[1][labels] * x
    shade += roughness[labels] * cloud(rng, height, width, exponent=float(rng.uniform(0.4, 1.3)))
    shade += stripes(rng, labels, share=0.15)
    painted: Field = _palette(rng, count)[:, labels] * np.exp(shade)
    return painted


def _palette(rng: np.random.Generator, count: int) -> Field:
    """Draw `(3, K)` colours in linear light, each near one of a few that the scene is made of; one in 30 shines."""
    few = int(rng.integers(2, 7))
    vividness = rng.uniform(0.1, 1)
    hue, saturation = rng.normal(0.1, 0.1, few) + 0.5 * (rng.random(few) < 0.3), vividness * rng.beta(1, 2, few)
    choice = rng.integers(0, few, count)
    value = rng.beta(1.3, 1.3, few)[choice] + rng.normal(0, 0.12, count)
    colour = np.stack(
        [
            (hue[choice] + rng.normal(0, 0.02, count)) % 1 * 2 * np.pi,
            np.clip(saturation[choice] + rng.normal(0, 0.05, count), 0, 1),
            np.clip(value, 0.12, 1),
        ]
    ).astype(np.float32)
    display: Field = hsv_to_rgb(torch.from_numpy(colour)[:, :, None])[:, :, 0].numpy()
    return display**2.2 * np.where(rng.random(count) < 1 / 30, np.float32(3), np.float32(1))


def _develop(rng: np.random.Generator, reflected: Tensor) -> Tensor:
    """Blur slightly, expose well and encode for display."""
    sigma = float(rng.uniform(0.35, 0.8))
    soft = gaussian_blur2d(reflected[None], 5, (sigma, sigma), border_type="replicate")[0]
    brightness = float(rng.triangular(0.18, 0.42, 0.74))
    exposed = soft * (brightness**1.1 / float(soft.sqrt().mean())) ** 2
    return linear_rgb_to_rgb(exposed.clamp(0, 1)).clamp(0, 1)
