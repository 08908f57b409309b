"""Crops, flips and quarter turns of a sample: a pure function of the generator that is drawn for it."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch
from kornia.geometry.transform import hflip, vflip
from torch import Tensor

from drbn_lightning.errors import KEY, OptionError
from drbn_lightning.thumbnails import thumbnail_of


class Crop(NamedTuple):
    """A square window of an image (pixels), flips, and a number of quarter turns."""

    top: int
    left: int
    size: int
    mirrored: bool
    upside_down: bool
    quarter_turns: int


def generator(*keys: int) -> np.random.Generator:
    """The generator of one sample; `keys` are the seed, the stream, the epoch and the index."""
    return np.random.default_rng(list(keys))


def require_room(size: int, shapes: Iterable[tuple[str, tuple[int, int, int]]]) -> None:
    """Check once, before workers start, that crops fit into images given as `(name, (C, H, W))`.

    Raises:
        DRBNError: an image is smaller than the crop, or the crop is below 1 pixel.
    """
    if size < 1:
        raise OptionError(f"{KEY}.crop_size is {size}; it must be at least 1")
    for name, (_, height, width) in shapes:
        if size > min(height, width):
            raise OptionError(
                f"{name} has {width}x{height} pixels, smaller than {KEY}.crop_size={size}; choose a smaller crop"
            )


def draw_crop(rng: np.random.Generator, height: int, width: int, size: int, *, upright: bool = False) -> Crop:
    """Draw a crop, each of the eight flips and turns alike.

    Args:
        rng: generator of the sample.
        height: of the whole image, in pixels.
        width: of the whole image, in pixels.
        size: side of the window, in pixels, at most `height` and `width`.
        upright: mirror it left to right alone; the same numbers are drawn.
    """
    top, left = int(rng.integers(height - size + 1)), int(rng.integers(width - size + 1))
    crop = Crop(top, left, size, bool(rng.integers(2)), bool(rng.integers(2)), int(rng.integers(2)))
    return crop._replace(upside_down=False, quarter_turns=0) if upright else crop


def centre_crop(height: int, width: int, size: int) -> Crop:
    """The window in the middle, as large as `size` allows, unturned; its sides may differ from `size`."""
    return Crop(max(0, (height - size) // 2), max(0, (width - size) // 2), size, False, False, 0)


def cut(image: Tensor, crop: Crop) -> Tensor:
    """Apply a crop.

    Args:
        image: `(C, H, W)`; only the window is read, so it may be memory-mapped.
        crop: the window, flips and turns.

    Returns:
        `(C, size, size)`, contiguous.
    """
    return turned(image[:, crop.top : crop.top + crop.size, crop.left : crop.left + crop.size], crop)


def thumbnail_tensor(image: Tensor) -> Tensor:
    """Thumbnail of a whole image `(3, H, W)`, uint8 or float32 in [0, 1], as `drbn_lightning.thumbnails` makes it."""
    return torch.from_numpy(thumbnail_of(image.permute(1, 2, 0).numpy()))


def turned(image: Tensor, crop: Crop) -> Tensor:
    """Apply the flips and turns of a crop to an image `(C, H, W)`, such as the thumbnail beside the crop."""
    image = hflip(image) if crop.mirrored else image
    image = vflip(image) if crop.upside_down else image
    return torch.rot90(image, crop.quarter_turns, (1, 2)).contiguous()
