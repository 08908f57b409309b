"""Small folders of photos and tables of votes for tests."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from drbn_lightning.data.datamodule import TEST, TRAINING, VALIDATION
from drbn_lightning.data.unpaired.ava import AVADataModule
from drbn_lightning.data.unpaired.samples import StoredPhotos, StoredSamples
from drbn_lightning.data.unpaired.stored import StoredDataModule
from tests.data.samples import opened

SIZES = [(24, 30), (36, 28), (30, 30), (40, 25)]

SCORES = {image: 2 + image % 8 for image in range(160)}  # 2 to 9: 40 up to 3, 40 from 8 on, 80 between


def pixels(name: str, size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """An image that follows from its name: smooth, with some noise."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4])
    rng = np.random.default_rng(seed)
    height, width = size or SIZES[seed % len(SIZES)]
    coarse = Image.fromarray(rng.integers(0, 256, (4, 5, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)).astype(np.int64)
    return (smooth + rng.integers(-4, 5, smooth.shape)).clip(0, 255).astype(np.uint8)


def write_photo(path: Path, values: NDArray[np.uint8]) -> Path:
    """Write an image in the format of its suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)
    return path


def write_photos(folder: Path, names: list[str]) -> Path:
    """Fill a folder with images that follow from their names."""
    for name in names:
        write_photo(folder / name, pixels(name))
    return folder


def votes_for(score: int) -> list[int]:
    """100 votes whose mean is `score`, in 2 to 9."""
    return [100 * (at == score) for at in range(1, 11)]


def write_ava(path: Path, scores: dict[int, int]) -> Path:
    """Write a table in AVA's format: image number to score."""
    rows = [
        " ".join(map(str, [number, image, *votes_for(score), 1, 22, 1396]))
        for number, (image, score) in enumerate(scores.items(), start=1)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(rows) + "\n")
    return path


def module(root: Path, **changes: Any) -> AVADataModule:  # noqa: ANN401 any setting
    settings: dict[str, Any] = {"votes": str(root / "AVA.txt"), "cache": str(root.parent / "cache")}
    settings |= {"high_mos": 8, "low_mos": 3, "validation_share": 0.2, "test_share": 0.2, "short_side": 20}
    settings |= {"crop_size": 16, "length": 12, "num_workers": 0} | changes
    return AVADataModule(str(root), **settings)


def ready(data: StoredDataModule) -> Any:  # noqa: ANN401 the module itself
    return opened(data)


def names(data: StoredDataModule, role: int) -> dict[str, str]:
    """Names and kinds of what is used for training, validation or test."""
    sets = {TRAINING: data.train_set, VALIDATION: data.validation_set, TEST: data.test_set}
    samples = sets[role]
    assert isinstance(samples, StoredSamples | StoredPhotos)
    return {photo.path.name: photo.kind for photo in samples.photos}
