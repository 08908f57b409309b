"""What enhancement does wrong to a photo, in measured doses, beside what too little light does (`degradations`).

Each kind takes a strength from 0 (nothing) to 1. At 1 all of them look about equally bad on photos, which was seen by
eye on a sheet of them. The root mean square error that each one makes alone at 0.25 / 0.5 / 1, mean of 40 crops of
150 x 150 pixels of ordinary photos at half their size: exposure .114 / .209 / .348, contrast .063 / .127 / .254, colour
.043 / .081 / .151, noise .024 / .046 / .088, residue .030 / .059 / .113, halo .035 / .066 / .114, smooth .018 / .034 /
.058, grain .023 / .044 / .086, saturation .054 / .097 / .156, cast .031 / .062 / .121, seam .032 / .063 / .123, band
.019 / .037 / .072. What breaks structure (noise, bands, lost texture) is seen at a smaller error than what changes
light.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from drbn_lightning.data.simulation.degradations import DEGRADATIONS, degrade, doses
from drbn_lightning.networks.luma_chroma import luma

MOST_AT_ONCE = 3
"""How many kinds spoil one photo at most."""

_GREEN = 2 * math.pi / 3  # hue of green


class Mix(NamedTuple):
    """How a photo is spoilt, whatever the severity: each kind's share, the squares of which add up to 1, and a seed."""

    shares: dict[str, float]
    seed: int


def draw_mix(rng: np.random.Generator, kinds: Sequence[str]) -> Mix:
    """Draw one to three of some kinds, their shares, and what the rest is drawn from.

    Args:
        rng: the source of randomness.
        kinds: some of `KINDS`.
    """
    count = int(rng.integers(1, min(MOST_AT_ONCE, len(kinds)) + 1))
    chosen = [str(name) for name in rng.choice(list(kinds), count, replace=False)]
    return Mix(doses(rng, 1.0, chosen), int(rng.integers(2**31)))


def spoil(image: Tensor, mix: Mix, severity: float) -> Tensor:
    """Spoil a photo; the same mix does the same thing more with a larger severity.

    Args:
        image: `(3, H, W)` float32 display values in [0, 1].
        mix: what is done.
        severity: how much, from 0 to 1.

    Returns:
        The same shape, float32 display values in [0, 1].
    """
    rng = np.random.default_rng(mix.seed)
    strengths = {name: severity * share for name, share in mix.shares.items()}
    if any(name in DEGRADATIONS for name in strengths):
        image = degrade(image, dict.fromkeys(DEGRADATIONS, 0.0) | strengths, rng)
    for name, artefact in ARTEFACTS.items():
        if name in strengths:
            image = artefact(image, strengths[name], rng).clamp(0, 1)
    return image


def _saturate(image: Tensor, strength: float, rng: np.random.Generator) -> Tensor:
    """Colours too strong."""
    return torch.lerp(luma(image), image, 1 + 2.6 * strength)


def _cast(image: Tensor, strength: float, rng: np.random.Generator) -> Tensor:
    """A colour over what is bright, skies above all, most often a green one."""
    hue = _GREEN + rng.normal(0, 0.5) if rng.random() < 0.5 else rng.uniform(0, 2 * math.pi)
    colour = torch.tensor([math.cos(hue - turn) for turn in (0, _GREEN, 2 * _GREEN)]).view(3, 1, 1)
    light = _blurred(luma(image), max(2, min(image.shape[-2:]) // 24))
    low, high = float(light.quantile(0.4)), float(light.quantile(0.85))
    mask = ((light - low) / max(high - low, 0.05)).clamp(0, 1)
    return image + 0.3 * strength * mask * (colour - luma(colour))


def _grain(image: Tensor, strength: float, rng: np.random.Generator) -> Tensor:
    """Noise of a dark photo, amplified with it: coarser than a pixel, coloured in part, strongest in the shadows."""
    noise = torch.from_numpy(rng.standard_normal(image.shape, dtype=np.float32))
    noise = torch.lerp(noise, noise.mean(0, keepdim=True) * 1.5, float(rng.uniform(0, 1)))
    noise = 0.5 * noise + _blurred(noise, 1)
    return image + 0.22 * strength * (1.15 - luma(image)) * noise


def _halo(image: Tensor, strength: float, rng: np.random.Generator) -> Tensor:
    """Light and dark seams along edges, from local contrast driven too far."""
    light = luma(image)
    radius = int(rng.integers(3, 3 + max(2, min(image.shape[-2:]) // 14)))
    return image + 1.5 * strength * (light - _blurred(light, radius))


def _smooth(image: Tensor, strength: float, rng: np.random.Generator) -> Tensor:
    """Texture wiped away by denoising, edges less than the rest."""
    for radius in (1, 2):
        soft = _blurred(image, radius)
        edges = ((luma(image) - luma(soft)).abs() * 2).clamp(0, 0.5)
        image = torch.lerp(image, soft, strength * (1 - edges))
    return image


def _seam(image: Tensor, strength: float, rng: np.random.Generator) -> Tensor:
    """Tiles that were enhanced apart: each a little brighter or darker, and of another tint."""
    height, width = image.shape[-2:]
    side = int(rng.integers(max(2, min(height, width) // 5), max(3, min(height, width) // 2)))
    top, left = int(rng.integers(side)), int(rng.integers(side))
    rows, columns = ((np.arange(length) + start) // side for length, start in ((height, top), (width, left)))
    tiles = rng.normal(0, 1, (1, rows[-1] + 1, columns[-1] + 1)) + rng.normal(
        0, 0.3, (3, rows[-1] + 1, columns[-1] + 1)
    )
    gains = torch.from_numpy(tiles[:, rows][:, :, columns].astype(np.float32)).clamp(-2, 2)
    return image * (0.3 * strength * gains).exp()


def _band(image: Tensor, strength: float, rng: np.random.Generator) -> Tensor:
    """Few levels where a gradient should be, as a dark photo of 8 bits has after strong gain."""
    step = 0.26 * strength
    if step < 1 / 255:
        return image
    offset = float(rng.random())
    return ((image / step + offset).round() - offset) * step


ARTEFACTS: Mapping[str, Callable[[Tensor, float, np.random.Generator], Tensor]] = {
    "halo": _halo,
    "smooth": _smooth,
    "grain": _grain,
    "saturation": _saturate,
    "cast": _cast,
    "seam": _seam,
    "band": _band,
}
"""What enhancement does wrong, in the order in which it is done."""
KINDS = (*DEGRADATIONS, *ARTEFACTS)
"""All kinds of degradation."""


def _blurred(image: Tensor, radius: int) -> Tensor:
    """`(C, H, W)` blurred by two boxes of `2 * radius + 1` pixels."""
    size = 2 * radius + 1
    for _ in range(2):
        image = functional.avg_pool2d(functional.pad(image, (radius,) * 4, mode="replicate"), size, stride=1)
    return image
