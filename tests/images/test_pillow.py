import numpy as np
import pytest
from PIL import Image

from drbn_lightning.images import pillow
from drbn_lightning.images.pillow import image_of, narrowed, plain, planes, wide_gray


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("1", "L"), ("L", "L"), ("LA", "LA"), ("La", "LA"), ("P", "RGB"), ("PA", "RGBA"), ("RGB", "RGB"), ("RGBX", "RGB"),
     ("RGBA", "RGBA"), ("RGBa", "RGBA"), ("CMYK", "RGB"), ("YCbCr", "RGB"), ("LAB", "RGB")],
)  # fmt: skip
def test_every_mode_becomes_one_of_four(mode: str, expected: str) -> None:
    assert plain(Image.new(mode, (3, 2))).mode == expected


def test_lab_becomes_the_colour_it_means() -> None:
    red = plain(Image.new("LAB", (1, 1), (136, 208, 195)))  # sRGB red: L 53.2 %, a 80.1 and b 67.2, from 128
    assert np.abs(np.asarray(red)[0, 0].astype(int) - [255, 0, 0]).max() <= 12
    assert red.info["icc_profile"][16:20] == b"RGB "


@pytest.mark.parametrize("mode", pillow.READY)
def test_planes_are_the_pixels(mode: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (600, 7, 4), dtype=np.uint8)  # more than two strips
    image = Image.fromarray(noise).convert(mode)
    colours, alpha = planes(image)
    assert np.array_equal(colours, np.asarray(image.convert("RGB")))
    assert (alpha is None) == ("A" not in mode)
    assert alpha is None or np.array_equal(alpha, noise[..., 3])
    again = image_of(colours, alpha, gray=mode in ("L", "LA"), with_alpha=True)
    assert again.mode == mode
    assert np.array_equal(np.asarray(again), np.asarray(image))


def test_narrowing_rounds() -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(512, 128)
    assert np.array_equal(narrowed(values), np.round(values / 257).astype(np.uint8))
    few = np.array([[1, 2]], np.uint8)
    assert narrowed(few) is few


def test_numbers_of_32_bits_that_hold_16() -> None:
    assert wide_gray(Image.new("I", (2, 1), 65535)).tolist() == [[65535, 65535]]
    for value, mode in ((65536, "I"), (-1, "I"), (0.5, "F")):
        with pytest.raises(ValueError, match="numbers without a known range"):
            wide_gray(Image.new(mode, (2, 1), value))
