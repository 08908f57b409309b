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
        found = list(photos)
        assert [(one.name, one.key) for one in found] == [("low_9.png", "9"), ("low_10.png", "10")]
        assert [tuple(one.low.shape) for one in found] == [(1, 3, 5, 3), (1, 3, 4, 6)]
        assert [round(one.thumbnail.mean().item(), 4) for one in found] == [0.4, 0.2]
    own = photos.fingerprint()
    assert own.count == len(photos) == 2
    assert overlap(own, own) == ["low_9", "low_10"]


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DRBNError, match=str(tmp_path)):
        LoosePhotos(tmp_path)
