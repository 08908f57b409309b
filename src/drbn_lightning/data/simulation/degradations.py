"""What spoils a photo, in measured doses: so that the quality of the result is known.

Each degradation takes a strength from 0 (nothing) to 1. At 1 all of them look about equally bad, which was seen by
eye on rows of rated scenes: noise does so at a smaller error than a wrong exposure. The root mean square error that
each one makes alone at 0.25 / 0.5 / 1, mean of 60 scenes of 96 x 96 pixels: exposure .109 / .202 / .355, contrast .055
/ .110 / .220, colour .038 / .075 / .144, noise .023 / .046 / .090, residue .031 / .061 / .117; split among them as
`doses` does, .055 / .101 / .172.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from kornia.color import linear_rgb_to_rgb, rgb_to_linear_rgb
from torch import Tensor

from drbn_lightning.data.simulation.textures import cloud

DEGRADATIONS = ("exposure", "contrast", "colour", "noise", "residue")

EVENNESS = 4.0  # concentration of the Dirichlet distribution; below 1, one degradation stands out

_DARK, _GLARING = 0.012, 0.85  # mean light of the worst exposures
_GRAY = torch.tensor([0.2126, 0.7152, 0.0722]).view(3, 1, 1)  # luminance of linear light, ITU-R BT.709


def doses(rng: np.random.Generator, severity: float, kinds: Sequence[str] = DEGRADATIONS) -> dict[str, float]:
    """Split a severity among degradations, at random.

    Args:
        rng: the source of randomness.
        severity: from 0 (a good photo) to 1.
        kinds: names of the degradations.

    Returns:
        Strengths whose squares add up to that of `severity`, as errors do that have nothing to do with each other.
        Every one has its part, as in photos taken in too little light: what one alone has done to an image of unknown
        things can hardly be told (is it a blue wall, or a wrong white balance?).
    """
    shares = rng.dirichlet([EVENNESS] * len(kinds))
    return {name: severity * math.sqrt(share) for name, share in zip(kinds, shares, strict=True)}


def degrade(image: Tensor, strengths: dict[str, float], rng: np.random.Generator) -> Tensor:
    """Degrade an image.

    Args:
        image: `(3, H, W)` float32 display values in [0, 1].
        strengths: of each of the `DEGRADATIONS`, in [0, 1].
        rng: draws directions, tints and noise.

    Returns:
        The same shape, float32 display values in [0, 1].
    """
    light = _expose(rgb_to_linear_rgb(image), strengths["exposure"], rng)
    light = _discolour(light, strengths["colour"], rng)
    shown: Tensor = linear_rgb_to_rgb((light + _sensor_noise(light, strengths["noise"], rng)).clamp(0, 1))
    flat = _flatten(shown, strengths["contrast"], rng)
    return (flat + _residue(flat, strengths["residue"], rng)).clamp(0, 1)


def _expose(light: Tensor, strength: float, rng: np.random.Generator) -> Tensor:
    """Too little light, or too much, which burns out: at strength 1 the mean light comes near one of two ends."""
    dark, mean = rng.random() < 0.6, max(float(light.mean()), 1e-3)
    stops = min(math.log2(_DARK / mean), -2.5) if dark else max(math.log2(_GLARING / mean), 1.5)
    return (light * math.exp2(strength * stops)).clamp(0, 1)


def _discolour(light: Tensor, strength: float, rng: np.random.Generator) -> Tensor:
    """A wrong white balance, and colours that fade."""
    fading, angle = rng.random(), 2 * math.pi * rng.random()
    faded = torch.lerp(light, (light * _GRAY).sum(0, keepdim=True), strength * fading)
    length = strength * (1.7 - 0.6 * fading)
    cast = torch.tensor([math.cos(angle), -0.4, math.sin(angle)], dtype=torch.float32).mul(length).exp().view(3, 1, 1)
    balanced: Tensor = faded * cast
    return (balanced * (faded.mean() / balanced.mean().clamp(min=1e-6))).clamp(0, 1)


def _flatten(shown: Tensor, strength: float, rng: np.random.Generator) -> Tensor:
    """Haze: everything comes nearer to one gray."""
    return torch.lerp(shown, torch.full_like(shown, float(rng.uniform(0.3, 0.75))), 0.85 * strength)


def _sensor_noise(light: Tensor, strength: float, rng: np.random.Generator) -> Tensor:
    """White noise in linear light, of each pixel and colour alone: shot noise and a floor."""
    noise = torch.from_numpy(rng.standard_normal(light.shape, dtype=np.float32))
    return noise * (light * 0.02 + 0.0004).sqrt() * strength


def _residue(shown: Tensor, strength: float, rng: np.random.Generator) -> Tensor:
    """What is left of noise after a dark image was brightened: blotches, coloured, strongest in the shadows."""
    height, width = shown.shape[-2:]
    blotches = np.stack([cloud(rng, height, width, exponent=float(rng.uniform(0.2, 1))) for _ in range(3)])
    colour = torch.from_numpy(blotches)
    mixed = torch.lerp(colour, colour.mean(0, keepdim=True), float(rng.uniform(0, 0.5)))
    return mixed * (1.3 - shown.mean(0, keepdim=True)) * (0.16 * strength)
