"""What synthetic scenes and ordinary photos share: the low-light camera takes the low picture of a pair."""

import numpy as np
import torch
from torch import Tensor

from drbn_lightning.batches import Pair
from drbn_lightning.data.crops import cut, draw_crop, turned
from drbn_lightning.data.simulation.camera import LowLightCamera
from drbn_lightning.thumbnails import thumbnail_of

THUMBNAIL_SAMPLES = 128  # pixels a side that the thumbnail of a whole image is taken from


def expose(camera: LowLightCamera, picture: Tensor, rng: np.random.Generator, crop_size: int | None, name: str) -> Pair:
    """Take a picture of a picture in too little light, and cut a crop out of both.

    Args:
        camera: the camera.
        picture: the whole scene in good light, `(3, H, W)` uint8, or float32 display values in [0, 1].
        rng: generator of the sample.
        crop_size: side of the crop in pixels, or None for the whole picture.
        name: name of the sample.

    Returns:
        The pair; the thumbnails are estimated from a grid of pixels of the whole picture.
    """
    exposure = camera.draw(rng)
    height, width = picture.shape[-2:]
    crop = None if crop_size is None else draw_crop(rng, height, width, crop_size)
    normal = _display(picture if crop is None else cut(picture, crop))
    low = camera.expose(normal, exposure, rng)
    if crop is None:
        return Pair(low, normal, _thumbnail(low), name, _thumbnail(normal))
    step = max(1, min(height, width) // THUMBNAIL_SAMPLES)
    whole = _display(picture[:, ::step, ::step])
    thumbnails = [turned(_thumbnail(image), crop) for image in (camera.expose(whole, exposure, rng), whole)]
    return Pair(low, normal, thumbnails[0], name, thumbnails[1])


def unchanged(picture: Tensor, rng: np.random.Generator, crop_size: int | None, name: str) -> Pair:
    """A pair whose input is bright already and its own target; arguments as for `expose`."""
    height, width = picture.shape[-2:]
    crop = None if crop_size is None else draw_crop(rng, height, width, crop_size)
    image = _display(picture if crop is None else cut(picture, crop))
    whole = _thumbnail(_display(picture))
    thumbnail = whole if crop is None else turned(whole, crop)
    return Pair(image, image, thumbnail, name, thumbnail)


def _thumbnail(image: Tensor) -> Tensor:
    return torch.from_numpy(thumbnail_of(image.permute(1, 2, 0).numpy()))


def _display(picture: Tensor) -> Tensor:
    return picture.float() / 255 if picture.dtype == torch.uint8 else picture
