import numpy as np
import pytest

from drbn_lightning.data.likeness import LOWEST_CONTRAST, NEAR, NEAR_SHARE, alike, distances


def thumbnail(mean: float, contrast: float, seed: int = 0, shift: float = 0.0) -> str:
    """A signature of a mean and a contrast, in gray levels."""
    values = np.random.default_rng(seed).choice([-1.0, 1.0], (64, 3))
    values -= values.mean(axis=0)
    values *= contrast / values.std()
    text: str = np.rint((mean + values + shift).clip(0, 255)).astype(np.uint8).tobytes().hex()
    return text


def test_distances_are_root_mean_squares() -> None:
    assert distances([thumbnail(100, 20)], [thumbnail(100, 20, shift=3)])[0, 0] == pytest.approx(3, abs=0.1)
    assert distances([], ["00" * 192]).shape == (0, 1)


@pytest.mark.parametrize(("shift", "same"), [(0, True), (1, True), (3, False)])
def test_in_good_light_gray_levels_decide(shift: int, same: bool) -> None:
    assert alike([thumbnail(100, 20)], [thumbnail(100, 20, shift=shift)]).tolist() == [[same]]


def test_dark_images_need_more_than_to_be_dark() -> None:
    scenes = [thumbnail(6, 2, seed) for seed in range(6)]
    assert distances(scenes, scenes).max() < 4
    assert np.array_equal(alike(scenes, scenes), np.eye(6, dtype=bool))


def test_an_image_without_contrast_is_like_nothing() -> None:
    flat, faint = "80" * 192, thumbnail(100, 0.7 * LOWEST_CONTRAST)
    assert not alike([flat, faint, ""], [flat, faint, ""]).any()


def test_the_lower_contrast_counts() -> None:
    weak, strong = thumbnail(50, 3), thumbnail(50, 4)
    assert NEAR_SHARE * 3 < NEAR
    assert alike([weak], [strong]).tolist() == alike([strong], [weak]).tolist() == [[False]]
