"""Panels for people: pictures side by side under their names."""

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from drbn_lightning.bands import Bands, decompose

HEADING = 14  # pixels above each panel for its name


def panels(low: Tensor, bands: Bands, normal: Tensor) -> dict[str, Tensor]:
    """Named pictures of one sample, each `(3, H, W)` in [0, 1].

    The middle and detail bands are differences around 0; they are shown around gray, twice as strong.

    Args:
        low: `(3, H, W)`.
        bands: each `(1, 3, ...)`.
        normal: `(3, H, W)`.
    """
    residuals = decompose(bands)
    shown = {
        "input": low,
        "base": residuals.base[0],
        "middle": 0.5 + 2 * residuals.middle[0],
        "detail": 0.5 + 2 * residuals.detail[0],
        "enhanced": bands.full[0],
        "target": normal,
    }
    return {name: picture.detach().float().clamp(0, 1).cpu() for name, picture in shown.items()}


def strip(pictures: dict[str, Tensor]) -> np.ndarray:
    """Put pictures of one size side by side under their names.

    Args:
        pictures: each `(3, H, W)` in [0, 1].

    Returns:
        `(H + HEADING, W * len(pictures), 3)` uint8.
    """
    row = torch.cat(list(pictures.values()), dim=2)
    body = (row * 255).round().byte().permute(1, 2, 0).numpy()
    canvas = Image.fromarray(np.pad(body, ((HEADING, 0), (0, 0), (0, 0))))
    draw, width = ImageDraw.Draw(canvas), body.shape[1] // len(pictures)
    for column, name in enumerate(pictures):
        draw.text((column * width + 3, 1), name, fill="white")
    return np.asarray(canvas)
