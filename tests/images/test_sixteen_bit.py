import io
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from drbn_lightning.images.sixteen_bit import decode, png, tiff


def noise(shape: tuple[int, ...], dtype: type = np.uint16) -> NDArray[Any]:
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, shape, dtype=dtype)


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (300, 700)])
@pytest.mark.parametrize("channels", [3, 4])
def test_colours_come_back_exactly(size: tuple[int, int], channels: int) -> None:
    image = noise((*size, channels))
    before = image.copy()
    assert np.array_equal(decode(png(image, None, None)), image)
    assert np.array_equal(tifffile.imread(io.BytesIO(tiff(image, None, None))), image)
    assert np.array_equal(image, before)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_pillow_reads_tiff_files_of_eight_bits(channels: int) -> None:
    image = noise((700, 900, channels), np.uint8)
    with Image.open(io.BytesIO(tiff(image, None, None, (300, 150)))) as opened:
        assert opened.mode == ("L", "LA", "RGB", "RGBA")[channels - 1]
        assert opened.info["dpi"] == (300, 150)
        assert np.array_equal(np.asarray(opened).reshape(image.shape), image)


def test_pillow_reads_gray_of_sixteen_bits() -> None:
    image = noise((30, 40, 1))
    for content in (tiff(image, None, None), png(image, None, None)):
        with Image.open(io.BytesIO(content)) as opened:
            assert np.array_equal(np.asarray(opened), image[..., 0])


def test_smooth_images_become_small() -> None:
    ramp = np.broadcast_to(np.arange(0, 40_000, 100, dtype=np.uint16)[None, :, None], (400, 400, 3))
    assert len(tiff(np.ascontiguousarray(ramp), None, None)) < ramp.nbytes / 50


@pytest.mark.parametrize("content", [b"nothing", png(noise((4, 6, 1)), None, None)])
def test_what_is_no_image_of_sixteen_bits_a_colour_is_said(content: bytes) -> None:
    with pytest.raises(ValueError, match="16 bits"):
        decode(content)
