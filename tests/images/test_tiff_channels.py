from pathlib import Path

import numpy as np
import pytest

from drbn_lightning.errors import DRBNError
from drbn_lightning.images.tiff_channels import divided, of_palette, printed, split, whole_numbers
from drbn_lightning.types import Pixels

PATH = Path("a.tif")


@pytest.mark.parametrize(
    ("values", "bits", "expected"),
    [
        (np.array([0, 7, 255], np.uint8), 8, [0, 7, 255]),
        (np.array([0, 7, 65535], ">u2"), 16, [0, 7, 65535]),
        (np.array([0, 1, 1023], np.uint16), 10, [0, 64, 65535]),
        (np.array([0, 7, 65535], np.uint32), 32, [0, 7, 65535]),
        (np.array([0, 65536, 2**32 - 1], np.uint32), 32, [0, 1, 65535]),
        (np.array([0, 7, 65535], np.int32), 32, [0, 7, 65535]),
        (np.array([0, 0.5, 1], np.float32), 32, [0, 32768, 65535]),
        (np.array([0, 0.5, 1], np.float16), 16, [0, 32768, 65535]),
    ],
)
def test_white_is_the_largest_number(values: Pixels, bits: int, expected: list[int]) -> None:
    numbers = whole_numbers(PATH, values[:, None, None], bits)
    assert numbers.dtype == ("uint8" if bits == 8 else "uint16")
    assert numbers[:, 0, 0].tolist() == expected


@pytest.mark.parametrize(
    ("values", "bits"),
    [
        (np.array([-1], np.int32), 32),
        (np.array([1], np.int8), 8),
        (np.array([1.1]), 64),
        (np.array([1], np.uint32), 32),
    ],
)
def test_other_numbers_are_refused(values: Pixels, bits: int) -> None:
    with pytest.raises(DRBNError, match=r"a\.tif holds .* numbers from (-1|1|1\.1) to"):
        whole_numbers(PATH, values[:, None, None], bits)


@pytest.mark.parametrize(
    ("count", "channels", "extra", "place", "multiplied"),
    [
        (3, 3, (), None, False), (3, 4, (), 3, False), (3, 4, (0,), None, False), (3, 4, (1,), 3, True),
        (3, 5, (0, 2), 4, False), (1, 2, (2,), 1, False), (4, 5, (2,), 4, False), (3, 5, (), None, False),
    ],
)  # fmt: skip
def test_alpha_is_found(count: int, channels: int, extra: tuple[int, ...], place: int | None, multiplied: bool) -> None:
    image = np.arange(channels, dtype=np.uint16)[None, None]
    colours, alpha, kind = split(PATH, image, count, extra)
    assert colours.tolist() == [[[*range(count)]]]
    assert (None if alpha is None else alpha.tolist()) == (None if place is None else [[place]])
    assert kind == multiplied


@pytest.mark.parametrize(("count", "channels"), [(3, 2), (1, 3)])
def test_too_few_or_unknown_channels_are_refused(count: int, channels: int) -> None:
    with pytest.raises(DRBNError, match=f"{channels} channels"):
        split(PATH, np.zeros((1, 1, channels), np.uint16), count, ())


def test_division_by_alpha() -> None:
    colours = np.array([[[10, 20, 30], [10, 20, 30], [200, 0, 0]]], np.uint8)
    assert divided(colours, np.array([[255, 51, 100]], np.uint8)).tolist() == [
        [[10, 20, 30], [50, 100, 150], [255, 0, 0]]
    ]


def test_palettes_hold_16_bits_or_8_in_16() -> None:
    numbers = np.array([[[0], [2]]], np.uint8)
    wide = np.array([[0, 0, 65535], [256, 0, 0], [0, 0, 32768]], np.uint16)
    assert of_palette(numbers, wide).tolist() == [[[0, 1, 0], [255, 0, 128]]]
    assert of_palette(numbers, wide // 256).tolist() == [[[0, 1, 0], [255, 0, 128]]]


def test_inks_stay_in_their_type() -> None:
    ink = np.zeros((2, 3, 4), np.uint16)
    colours, profile = printed(ink, None)
    assert colours.dtype == np.uint16
    assert (colours.shape, colours.min()) == ((2, 3, 3), 65535)
    assert profile is not None
