"""Two Retinex methods: each takes an image for reflectance times illumination, and works on the illumination.

They know no noise: what the dark hides comes out as strong as the image. Both take any size.
"""

import torch
from torch import Tensor

SCALES = (15.0, 80.0, 250.0)
"""Deviations in pixels of the Gaussian surrounds of multi-scale Retinex (Jobson et al. 1997)."""
RESTORATION = 125.0
"""How much of its colours multi-scale Retinex gives back to an image (alpha of Jobson et al. 1997)."""
CLIPPED = 0.01
"""Share of the pixels that multi-scale Retinex makes black, and white, in each colour."""
PENALTY, GROWTH = 10.0, 1.25
"""First penalty of LIME's solver, and its factor from one round to the next: after 40 rounds what is minimised lies
about 9 % above its least value on LOL, and the difference cannot be seen."""


def multi_scale_retinex(low: Tensor) -> Tensor:
    """Multi-scale Retinex with colour restoration: each pixel against Gaussian surrounds of three sizes.

    Source: Jobson, Rahman, Woodell, "A multiscale Retinex for bridging the gap between color images and the human
    observation of scenes", TIP 1997.
    NOTE: its last step, fixed gain and offset, is replaced by a stretch of each colour between two percentiles, as in
    Petro, Sbert, Morel, "Multiscale Retinex", IPOL 2014: the fixed ones suit one camera.

    Args:
        low: `(N, 3, H, W)` display values.

    Returns:
        `(N, 3, H, W)` in [0, 1]; a colour that is the same everywhere stays as it is.
    """
    image = 255 * low.clamp(0, 1).float() + 1  # logarithms of values in 1...256
    surrounds = blurred(image, SCALES)
    reflectance = sum((image.log() - surround.log() for surround in surrounds), torch.zeros_like(image))
    restoration = (RESTORATION * image / image.sum(dim=1, keepdim=True)).log()
    return _stretched(reflectance / len(SCALES) * restoration, low.clamp(0, 1).float())


def blurred(image: Tensor, deviations: tuple[float, ...]) -> list[Tensor]:
    """Gaussian blurs of `(N, C, H, W)` with mirrored borders, at one cost for any deviation (pixels), by FFT."""
    height, width = image.shape[-2:]
    mirrored = torch.cat([image, image.flip(-1)], dim=-1)
    mirrored = torch.cat([mirrored, mirrored.flip(-2)], dim=-2)
    spectrum = torch.fft.rfft2(mirrored)
    rows, columns = _frequencies(2 * height, 2 * width, image.device)
    squares = rows.square()[:, None] + columns.square()
    size = (2 * height, 2 * width)
    return [
        torch.fft.irfft2(spectrum * (-0.5 * deviation**2 * squares).exp(), s=size)[..., :height, :width]
        for deviation in deviations
    ]


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
    rows, columns = _frequencies(first.shape[-2], first.shape[-1], first.device)
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


def _frequencies(height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Angular frequencies of the rows and columns that `rfft2` returns, in radians per pixel."""
    rows, columns = torch.fft.fftfreq(height, device=device), torch.fft.rfftfreq(width, device=device)
    return 2 * torch.pi * rows, 2 * torch.pi * columns


def _stretched(values: Tensor, otherwise: Tensor) -> Tensor:
    """Each colour of each image, its percentiles brought to 0 and 1; `otherwise` where they are equal."""
    flat = values.flatten(2).sort(dim=-1).values
    last = flat.shape[-1] - 1
    low, high = flat[..., round(CLIPPED * last)], flat[..., round((1 - CLIPPED) * last)]
    low, spread = low[..., None, None], (high - low)[..., None, None]
    return torch.where(spread > 1e-4, ((values - low) / spread.clamp(min=1e-4)).clamp(0, 1), otherwise)
