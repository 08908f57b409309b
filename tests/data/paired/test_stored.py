from pathlib import Path

import numpy as np
import pytest
import torch

from drbn_lightning.data.cache import ImageCache
from drbn_lightning.data.paired.matching import PairPaths, pair_files
from drbn_lightning.data.paired.stored import CachedPairs
from drbn_lightning.images.rgb import write_png


@pytest.fixture
def pairs(tmp_path: Path) -> tuple[ImageCache, list[PairPaths]]:
    made = []
    for number in range(3):
        values = np.random.default_rng(number).integers(0, 256, (30, 44, 3), dtype=np.uint8)
        paths = [tmp_path / side / f"{number}.png" for side in ("low", "normal")]
        for path, image in zip(paths, (values // 4, values), strict=True):
            write_png(path, image)
        made.append(PairPaths(str(number), *paths))
    return ImageCache.open(tmp_path / "cache", pair_files(made)), made


def test_a_crop_is_the_same_of_both_and_thumbnails_turn_with_it(pairs: tuple[ImageCache, list[PairPaths]]) -> None:
    crops = CachedPairs(*pairs, crop_size=16)
    turned = 0
    for index in range(3):
        for epoch in range(6):
            pair = crops[epoch, index]
            low, normal = ((255 * image).round().int() for image in (pair.low, pair.normal))
            assert torch.equal(low, normal // 4)
            whole = pairs[0].thumbnail(index)
            torch.testing.assert_close(pair.thumbnail.mean(), whole.mean())
            ratio = pair.normal_thumbnail / pair.thumbnail.clamp(min=1e-3)
            assert 3.9 < ratio.median() < 4.3  # both thumbnails were turned alike
            turned += not torch.equal(pair.thumbnail, whole)
    assert turned > 9


def test_repeats_are_other_crops_of_the_same_pairs(pairs: tuple[ImageCache, list[PairPaths]]) -> None:
    crops = CachedPairs(*pairs, rows=[0, 2], crop_size=16, repeats=2)
    assert len(crops) == 4
    assert [crops[0, index].name for index in range(4)] == ["0", "2", "0", "2"]
    assert not torch.equal(crops[0, 0].low, crops[0, 2].low)


def test_the_centre_is_a_window_and_the_whole_is_whole(pairs: tuple[ImageCache, list[PairPaths]]) -> None:
    whole, centre = CachedPairs(*pairs)[0, 1], CachedPairs(*pairs, centre=20)[0, 1]
    assert whole.low.shape == (3, 30, 44)
    assert torch.equal(centre.low, whole.low[:, 5:25, 12:32])
    assert torch.equal(centre.thumbnail, whole.thumbnail)
