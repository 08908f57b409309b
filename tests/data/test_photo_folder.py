from pathlib import Path

import numpy as np
import pytest

from drbn_lightning.data.fingerprints import overlap
from drbn_lightning.data.photo_folder import LoosePhotos
from drbn_lightning.errors import DRBNError
from drbn_lightning.images.rgb import write_png


def test_photos_come_in_order_and_whole_any_number_of_times(tmp_path: Path) -> None:
    for number, shape in enumerate([(4, 6), (5, 3)]):
        write_png(tmp_path / f"low_{10 - number}.png", np.full((*shape, 3), 51 * (number + 1), np.uint8))
    photos = LoosePhotos(tmp_path)
    for _ in range(2):
        images = list(photos)
        assert [(image.name, image.key) for image in images] == [("low_9.png", "9"), ("low_10.png", "10")]
        assert [tuple(image.low.shape) for image in images] == [(1, 3, 5, 3), (1, 3, 4, 6)]
        assert [round(image.thumbnail.mean().item(), 4) for image in images] == [0.4, 0.2]
    own = photos.fingerprint()
    assert own.count == len(photos) == 2
    assert overlap(own, own) == ["low_9", "low_10"]


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DRBNError, match=str(tmp_path)):
        LoosePhotos(tmp_path)
