import numpy as np
import pytest
from numpy.typing import NDArray

from drbn_lightning.inference.visibility import enhanced_where_visible
from drbn_lightning.types import Pixels


class Watched:
    """Doubles the pixels and remembers what it got."""

    image: Pixels
    visible: NDArray[np.float32] | None

    def __call__(self, image: Pixels, visible: NDArray[np.float32] | None) -> Pixels:
        self.image, self.visible = image.copy(), visible
        return (image * 2).astype(image.dtype)


def noise(height: int, width: int, dtype: str = "uint8") -> Pixels:
    values = np.random.default_rng(height).random((height, width, 3)) * 0.2
    return (values * (1 if dtype[0] == "f" else np.iinfo(dtype).max)).astype(dtype)


def white(dtype: str) -> float:
    return 1 if dtype[0] == "f" else np.iinfo(dtype).max


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_a_cutout_is_what_it_is_alone(dtype: str) -> None:
    photo = noise(6, 9, dtype)
    alpha = np.zeros((20, 30), dtype)
    alpha[5:11, 7:16] = white(dtype)
    results = list[Pixels]()
    for surround in (0, 1):
        image = np.full((20, 30, 3), surround * white(dtype), dtype)
        image[5:11, 7:16] = photo
        watched = Watched()
        results.append(enhanced_where_visible(image, alpha, watched))
        np.testing.assert_array_equal(watched.image, photo)
        assert watched.visible is None
        np.testing.assert_array_equal(results[-1][5:11, 7:16], photo * 2)
        assert results[-1].dtype == image.dtype
    np.testing.assert_array_equal(results[0], results[1])


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_holes_are_filled_with_the_mean_of_what_is_visible(dtype: str) -> None:
    image = np.full((8, 8, 3), 0.25 * white(dtype), dtype)
    alpha = np.full((8, 8), white(dtype), dtype)
    alpha[2:4, 2:4], image[2:4, 2:4] = 0, white(dtype)
    alpha[0, 0] = alpha[0, 0] // 2 if dtype != "float32" else 0.5
    watched = Watched()
    result = enhanced_where_visible(image, alpha, watched)
    assert watched.visible is not None
    assert watched.visible[[2, 0, 7], [2, 0, 7]].tolist() == pytest.approx([0, 0.5, 1], abs=0.002)
    np.testing.assert_array_equal(watched.image, np.full_like(image, image[7, 7, 0]))
    np.testing.assert_array_equal(result, watched.image * 2)
    assert image[2, 2, 0] == white(dtype)  # the given image stays


def test_opaque_images_are_given_as_they_are_and_invisible_ones_come_back() -> None:
    image, watched = noise(5, 4), Watched()
    for alpha in (None, np.full((5, 4), 255, np.uint8)):
        np.testing.assert_array_equal(enhanced_where_visible(image, alpha, watched), image * 2)
        assert watched.visible is None
    np.testing.assert_array_equal(enhanced_where_visible(image, np.zeros((5, 4), np.uint8), watched), image)
