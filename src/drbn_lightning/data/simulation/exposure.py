"""What synthetic scenes and ordinary photos share: the low-light camera takes the low image of a pair."""

import numpy as np
import torch
from torch import Tensor

from drbn_lightning.batches import Pair
from drbn_lightning.data.crops import cut, draw_crop, thumbnail_tensor, turned
from drbn_lightning.data.simulation.camera import LowLightCamera

THUMBNAIL_SAMPLES = 128  # pixels a side that the thumbnail of a whole image is taken from


def expose(
    camera: LowLightCamera,
    image: Tensor,
    rng: np.random.Generator,
    crop_size: int | None,
    name: str,
    *,
    upright: bool = False,
) -> Pair:
    """Take a photo of an image in too little light, and cut a crop out of both.

    Args:
        camera: the camera.
        image: the whole scene in good light, `(3, H, W)` uint8, or float32 display values in [0, 1].
        rng: generator of the sample.
        crop_size: side of the crop in pixels, or None for the whole image.
        name: name of the sample.
        upright: see `draw_crop`.

    Returns:
        The pair; the thumbnails are estimated from a grid of pixels of the whole image.
    """
    exposure = camera.draw(rng)
    height, width = image.shape[-2:]
    crop = None if crop_size is None else draw_crop(rng, height, width, crop_size, upright=upright)
    normal = _display(image if crop is None else cut(image, crop))
    low = camera.expose(normal, exposure, rng)
    if crop is None:
        return Pair(low, normal, thumbnail_tensor(low), name, thumbnail_tensor(normal))
    step = max(1, min(height, width) // THUMBNAIL_SAMPLES)
    samples = _display(image[:, ::step, ::step])
    thumbnails = [turned(thumbnail_tensor(each), crop) for each in (camera.expose(samples, exposure, rng), samples)]
    return Pair(low, normal, thumbnails[0], name, thumbnails[1])


def unchanged(image: Tensor, thumbnail: Tensor, rng: np.random.Generator, crop_size: int | None, name: str) -> Pair:
    """A pair of a bright image and itself; `thumbnail` is the image's, the rest as `expose` has it."""
    height, width = image.shape[-2:]
    crop = None if crop_size is None else draw_crop(rng, height, width, crop_size)
    shown = _display(image if crop is None else cut(image, crop))
    thumbnail = thumbnail if crop is None else turned(thumbnail, crop)
    return Pair(shown, shown, thumbnail, name, thumbnail)


def _display(image: Tensor) -> Tensor:
    return image.float() / 255 if image.dtype == torch.uint8 else image
