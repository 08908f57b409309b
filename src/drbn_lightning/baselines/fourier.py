"""Gaussian blurs by FFT, which the Retinex methods share."""

import torch
from torch import Tensor


def blurred(image: Tensor, deviations: tuple[float, ...]) -> list[Tensor]:
    """Gaussian blurs of `(N, C, H, W)` with mirrored borders, at one cost for any deviation (pixels), by FFT."""
    height, width = image.shape[-2:]
    mirrored = torch.cat([image, image.flip(-1)], dim=-1)
    mirrored = torch.cat([mirrored, mirrored.flip(-2)], dim=-2)
    spectrum = torch.fft.rfft2(mirrored)
    rows, columns = frequencies(2 * height, 2 * width, image.device)
    squares = rows.square()[:, None] + columns.square()
    size = (2 * height, 2 * width)
    return [
        torch.fft.irfft2(spectrum * (-0.5 * deviation**2 * squares).exp(), s=size)[..., :height, :width]
        for deviation in deviations
    ]


def frequencies(height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Angular frequencies of the rows and columns that `rfft2` returns, in radians per pixel."""
    rows, columns = torch.fft.fftfreq(height, device=device), torch.fft.rfftfreq(width, device=device)
    return 2 * torch.pi * rows, 2 * torch.pi * columns
