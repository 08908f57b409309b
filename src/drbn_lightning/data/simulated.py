"""What synthetic scenes and ordinary photos share: the low-light camera takes the low picture of a pair."""

import numpy as np
import torch
from torch import Tensor

from drbn_lightning.batches import Pair
from drbn_lightning.data.camera import LowLightCamera
from drbn_lightning.data.crops import cut, draw_crop

MEAN_SAMPLES = 128  # pixels a side that the mean of a whole picture is taken from


def expose(camera: LowLightCamera, picture: Tensor, rng: np.random.Generator, crop_size: int | None, name: str) -> Pair:
    """Take a picture of a picture in too little light, and cut a crop out of both.

    Args:
        camera: the camera.
        picture: the whole scene in good light, `(3, H, W)` uint8, or float32 display values in [0, 1].
        rng: generator of the sample.
        crop_size: side of the crop in pixels, or None for the whole picture.
        name: name of the sample.

    Returns:
        The pair; `low_mean` is estimated from a grid of pixels of the whole picture.
    """
    exposure = camera.draw(rng)
    height, width = picture.shape[-2:]
    normal = picture if crop_size is None else cut(picture, draw_crop(rng, height, width, crop_size))
    normal = _display(normal)
    low = camera.expose(normal, exposure, rng)
    if crop_size is None:
        return Pair(low, normal, low.mean(), name)
    step = max(1, min(height, width) // MEAN_SAMPLES)
    whole = camera.expose(_display(picture[:, ::step, ::step]), exposure, rng)
    return Pair(low, normal, whole.mean(), name)


def _display(picture: Tensor) -> Tensor:
    return picture.float() / 255 if picture.dtype == torch.uint8 else picture
