"""Photos without partners: samples for training, held-out photos, and the LightningDataModule of every source."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from copy import copy
from functools import lru_cache
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from drbn_lightning.batches import Photo, Unpaired
from drbn_lightning.data.cache import ImageCache
from drbn_lightning.data.crops import Crop, cut, draw_crop, generator, turned
from drbn_lightning.data.datamodule import SampleDataModule, SampleSet
from drbn_lightning.data.fingerprints import Fingerprint
from drbn_lightning.data.likeness import alike
from drbn_lightning.data.sampling import Position
from drbn_lightning.data.unpaired.files import PhotoFile
from drbn_lightning.data.unpaired.splits import HIGH, LOW, REAL_LOW
from drbn_lightning.errors import DRBNError

STREAMS = {HIGH: 3, LOW: 4, REAL_LOW: 5}
"""Streams of random numbers for training, beside TRAINING, VALIDATION and TEST of the pairs."""

ORDER, HELD_OUT = 6, 7
"""Further streams: the order of stored photos, and held-out images that are made."""


class UnpairedSet(SampleSet[Unpaired]):
    """Endless samples; `length` only says after how many of them an epoch ends."""

    def __init__(self, length: int) -> None:
        """Keep the number of samples an epoch."""
        self.length = length

    def __len__(self) -> int:
        return self.length

    def in_epochs_of(self, length: int) -> Self:
        """Give the same set with epochs of another length."""
        other = copy(self)
        other.length = length
        return other


class PhotoSet(SampleSet[Photo]):
    """Held-out photos in a fixed order."""

    def __init__(self, kinds: Sequence[str]) -> None:
        """Keep the kind of each photo, see `PhotoBatch`; the kinds take turns, so that the first few show each."""
        self.kinds = list(kinds)
        turns = [self.kinds[:number].count(kind) for number, kind in enumerate(self.kinds)]
        self.chosen = sorted(range(len(self.kinds)), key=lambda number: turns[number])

    def __len__(self) -> int:
        return len(self.chosen)

    def __getitem__(self, position: Position) -> Photo:
        return self.photo(self.chosen[position[1]])

    def only(self, *kinds: str) -> Self:
        """Give the photos of these kinds alone."""
        other = copy(self)
        other.chosen = [number for number in self.chosen if self.kinds[number] in kinds]
        return other

    @abstractmethod
    def photo(self, number: int) -> Photo:
        """Photo `number` of all kinds."""


class StoredSamples(UnpairedSet):
    """Random crops of stored photos. Of each kind, every photo comes once before one comes again."""

    def __init__(self, cache: ImageCache, photos: Sequence[PhotoFile], crop_size: int, length: int, seed: int) -> None:
        """Set up the samples.

        Args:
            cache: the photos.
            photos: which of them to take, by their numbers; there may be none that are `low` or `real_low`.
            crop_size: side of the crops in pixels.
            length: samples an epoch.
            seed: seed of order and crops.
        """
        super().__init__(length)
        self.cache, self.photos, self.crop_size, self.seed = cache, list(photos), crop_size, seed
        self.rows = {kind: [photo.number for photo in photos if photo.kind == kind] for kind in STREAMS}
        self.scores = {photo.number: scalar(photo.mos) for photo in photos}

    def __getitem__(self, position: Position) -> Unpaired:
        rows = {kind: self._row(kind, position) for kind in STREAMS}
        high, low, (real_low, thumbnail) = (self._sample(kind, row, position) for kind, row in rows.items())
        assert high[0] is not None
        scores = [None if row is None else self.scores[row] for row in (rows[HIGH], rows[LOW])]
        return Unpaired(high[0], low[0], real_low, thumbnail, *scores)

    def _row(self, kind: str, position: Position) -> int | None:
        """Which photo it is: the samples of all epochs, one after the other, walk through shuffled passes."""
        rows = self.rows[kind]
        if not rows:
            return None
        times, place = divmod(position[0] * self.length + position[1], len(rows))
        return rows[int(_shuffled(self.seed, STREAMS[kind], times, len(rows))[place])]

    def _sample(self, kind: str, row: int | None, position: Position) -> tuple[Tensor | None, Tensor | None]:
        """A window, mirrored or not, and the thumbnail beside it. Nothing is turned: people look at photos upright."""
        if row is None:
            return None, None
        crop = self._window(row, generator(self.seed, STREAMS[kind], *position))
        thumbnail = turned(self.cache.thumbnail(row), crop) if kind == REAL_LOW else None
        return self._cut(row, crop), thumbnail

    def _window(self, row: int, rng: np.random.Generator) -> Crop:
        _, height, width = self.cache.shape(row)
        return draw_crop(rng, height, width, self.crop_size, upright=True)

    def _cut(self, row: int, crop: Crop) -> Tensor:
        return cut(self.cache[row], crop).float() / 255


class StoredPhotos(PhotoSet):
    """Whole photos of a cache."""

    def __init__(self, cache: ImageCache, photos: Sequence[PhotoFile], kinds: Sequence[str] | None = None) -> None:
        """Set up the photos; `photos` are those of `cache` to take, `kinds` what is made of them (the photos)."""
        super().__init__([photo.kind for photo in photos] if kinds is None else kinds)
        self.cache, self.photos = cache, list(photos)

    def photo(self, number: int) -> Photo:
        """Photo `number` of all kinds."""
        entry = self.photos[number]
        photo, thumbnail = self.cache[entry.number].float() / 255, self.cache.thumbnail(entry.number)
        return Photo(photo, thumbnail, scalar(entry.mos), entry.kind, self.cache.name(entry.number))


class UnpairedDataModule(SampleDataModule):
    """A source of photos without partners."""

    group = "unpaired"
    holds = "unpaired samples"
    train_set: UnpairedSet | None
    validation_set: PhotoSet | None
    test_set: PhotoSet | None

    @property
    @abstractmethod
    def has_real_low(self) -> bool:
        """Whether it has low-light photos to enhance."""

    @abstractmethod
    def photos_used(self) -> Mapping[str, Fingerprint]:
        """Photos trained on or validated on, by the key of the folder they lie in; after `setup("fit")`."""


def fingerprint(name: str, cache: ImageCache, photos: Sequence[PhotoFile]) -> Fingerprint:
    """Describe photos; an exact digest alone proves that two low-light photos are one."""
    bright = [photo.number for photo in photos if photo.kind != REAL_LOW]
    return Fingerprint.of_photos(name, cache, bright, [photo.number for photo in photos if photo.kind == REAL_LOW])


def without_copies(
    cache: ImageCache, photos: Sequence[PhotoFile], away: ImageCache, held_out: Sequence[PhotoFile]
) -> list[PhotoFile]:
    """Leave out photos that are held out as well: the same image, or a copy in another encoding.

    Low-light photos are told apart by their exact digests alone: another exposure of a scene is no copy.

    Args:
        cache: holds the photos.
        photos: those to choose from.
        away: holds the photos held out.
        held_out: those held out.
    """
    digests = {away.digest(photo.number) for photo in held_out}
    signatures = [away.signature(photo.number) for photo in held_out if photo.kind != REAL_LOW]
    own = ["" if photo.kind == REAL_LOW else cache.signature(photo.number) for photo in photos]
    compared = zip(photos, alike(own, signatures), strict=True)
    return [photo for photo, copies in compared if not copies.any() and cache.digest(photo.number) not in digests]


def require_crops(crop_size: int, short_side: int | None, length: int) -> None:
    """Check what says how large crops are and how many there are.

    Raises:
        DRBNError: a number is below 1, or the crop larger than the photos.
    """
    if length < 1:
        raise DRBNError(f"unpaired.length is {length}; an epoch needs at least 1 sample")
    if crop_size < 1:
        raise DRBNError(f"unpaired.crop_size is {crop_size}; it must be at least 1")
    if short_side is not None and crop_size > short_side:
        raise DRBNError(f"unpaired.crop_size={crop_size} must be at most unpaired.short_side={short_side}")


def scalar(mos: float) -> Tensor:
    """A mean opinion score as a float32 scalar."""
    return torch.tensor(mos, dtype=torch.float32)


@lru_cache(maxsize=16)
def _shuffled(seed: int, stream: int, times: int, count: int) -> NDArray[np.intp]:
    """The order of one pass through the photos of a kind."""
    return generator(seed, ORDER, stream, times).permutation(count)
