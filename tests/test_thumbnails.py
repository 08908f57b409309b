from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from drbn_lightning.networks.first_guess import thumbnails_of
from drbn_lightning.thumbnails import THUMBNAIL_SIZE, area_weights, thumbnail_of


def image(height: int, width: int, dtype: str = "float32") -> NDArray[Any]:
    values = np.random.default_rng(height * width).random((height, width, 3), dtype=np.float32)
    return values if dtype == "float32" else (values * np.iinfo(dtype).max).astype(dtype)


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (47, 48), (48, 48), (96, 144), (401, 603)])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_keeps_the_mean_of_every_colour(shape: tuple[int, int], dtype: str) -> None:
    photo = image(*shape, dtype)
    white = 1 if dtype == "float32" else np.iinfo(dtype).max
    thumbnail = thumbnail_of(photo)
    assert thumbnail.shape == (3, THUMBNAIL_SIZE, THUMBNAIL_SIZE)
    assert thumbnail.dtype == np.float32
    np.testing.assert_allclose(thumbnail.mean(axis=(1, 2)), photo.mean(axis=(0, 1)) / white, rtol=1e-5)


def test_whole_pixels_are_averaged() -> None:
    photo = image(2 * THUMBNAIL_SIZE, 3 * THUMBNAIL_SIZE)
    expected = photo.reshape(THUMBNAIL_SIZE, 2, THUMBNAIL_SIZE, 3, 3).mean(axis=(1, 3)).transpose(2, 0, 1)
    np.testing.assert_allclose(thumbnail_of(photo), expected, atol=1e-6)


def test_torch_makes_the_same() -> None:
    photo = image(101, 77)
    thumbnail = thumbnails_of(torch.from_numpy(photo).permute(2, 0, 1)[None])[0]
    np.testing.assert_allclose(thumbnail.numpy(), thumbnail_of(photo), atol=1e-6)


def test_rows_of_weights_sum_to_one() -> None:
    for length in (1, 5, 48, 4000):
        np.testing.assert_allclose(area_weights(length).sum(axis=1), 1, atol=1e-5)


def test_invisible_pixels_do_not_count() -> None:
    photo = np.full((120, 100, 3), 0.2, np.float32)
    photo[:, 50:] = 1.0
    visible = np.ones((120, 100), np.float32)
    visible[:, 50:] = 0
    np.testing.assert_allclose(thumbnail_of(photo, visible), 0.2, atol=1e-6)


def test_half_visible_pixels_count_half() -> None:
    photo = np.zeros((THUMBNAIL_SIZE, 2 * THUMBNAIL_SIZE, 3), np.float32)
    photo[:, 1::2] = 0.9
    visible = np.ones((THUMBNAIL_SIZE, 2 * THUMBNAIL_SIZE), np.float32)
    visible[:, ::2] = 0.5
    np.testing.assert_allclose(thumbnail_of(photo, visible), 0.6, atol=1e-6)


def test_where_nothing_is_visible_everything_counts() -> None:
    photo = image(60, 60)
    np.testing.assert_array_equal(thumbnail_of(photo, np.zeros((60, 60), np.float32)), thumbnail_of(photo))
