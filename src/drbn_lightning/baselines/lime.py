"""LIME: an image is divided by its illumination, estimated as the brightest colour and smoothed.

It knows no noise: what the dark hides comes out as strong as the image.
"""

import torch
from torch import Tensor

from drbn_lightning.baselines.fourier import blurred, frequencies

PENALTY, GROWTH = 10.0, 1.25
"""First penalty of LIME's solver, and its factor from one round to the next: after 40 rounds what is minimised lies
about 9 % above its least value on LOL, and the difference cannot be seen."""


def lime(low: Tensor, smoothness: float = 0.15, gamma: float = 0.8, steps: int = 40) -> Tensor:
    """LIME: divide by an illumination that is the brightest colour of each pixel, smoothed but for its edges.

    Source: Guo, Li, Ling, "LIME: low-light image enhancement via illumination map estimation", TIP 2017: equations 3
    and 8, the exact solver (algorithm 1), and its third choice of weights.
    NOTE: without the denoising by BM3D that the paper appends.

    Args:
        low: `(N, 3, H, W)` display values.
        smoothness: weight of the smoothness of the illumination (alpha).
        gamma: power of the illumination that is divided by; with 1 every brightest colour comes near white.
        steps: rounds of the solver.

    Returns:
        `(N, 3, H, W)` in [0, 1].
    """
    image = low.clamp(0, 1).float()
    illumination = smooth_illumination(image.amax(dim=1, keepdim=True), smoothness, steps)
    return (image / illumination.clamp(1 / 255, 1) ** gamma).clamp(0, 1)


def smooth_illumination(first: Tensor, smoothness: float, steps: int) -> Tensor:
    """Minimise the squared distance to `first` plus weighted absolute differences between neighbours.

    The alternating direction method of multipliers: the quadratic part is solved by FFT, so that borders wrap around.

    Args:
        first: `(N, 1, H, W)`.
        smoothness: weight of the differences; those along edges weigh less: see `_edge_weights`.
        steps: rounds; the penalty grows with each.

    Returns:
        `(N, 1, H, W)`.
    """
    size = first.shape[-2:]
    rows, columns = frequencies(first.shape[-2], first.shape[-1], first.device)
    laplacian = (2 - 2 * rows.cos())[:, None] + (2 - 2 * columns.cos())
    weights = smoothness * _edge_weights(first)
    wanted = multiplier = torch.zeros_like(weights)
    penalty, illumination = PENALTY, first
    for _ in range(steps):
        right = torch.fft.rfft2(2 * first + _adjoint(penalty * wanted - multiplier))
        illumination = torch.fft.irfft2(right / (2 + penalty * laplacian), s=size)
        difference = _differences(illumination)
        free = difference + multiplier / penalty
        wanted = free.sign() * (free.abs() - weights / penalty).clamp(min=0)
        multiplier = multiplier + penalty * (difference - wanted)
        penalty *= GROWTH
    return illumination


def _edge_weights(image: Tensor, deviation: float = 2.0, least: float = 1e-2) -> Tensor:
    """One over the blurred difference: large in texture, whose differences cancel, and small along edges."""
    (blur,) = blurred(_differences(image), (deviation,))
    return 1 / (blur.abs() + least)


def _differences(image: Tensor) -> Tensor:
    """`(N, 1, H, W)` to `(N, 2, H, W)`: next pixel minus this one, downwards and to the right, around the border."""
    return torch.cat([image.roll(-1, dims) - image for dims in (-2, -1)], dim=1)


def _adjoint(differences: Tensor) -> Tensor:
    """The transpose of `_differences`."""
    down, right = differences[:, :1], differences[:, 1:]
    return down.roll(1, -2) - down + right.roll(1, -1) - right
