"""Small images for the tests of enhancing."""

import numpy as np

from drbn_lightning.types import Pixels


def image(height: int, width: int, dtype: str = "uint8") -> Pixels:
    values = np.random.default_rng(height).random((height, width, 3)) * 0.3
    return values.astype(dtype) if dtype[0] == "f" else (values * np.iinfo(dtype).max).astype(dtype)
