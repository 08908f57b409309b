"""Pairs of images on disk: decoded once, cropped for training, whole for testing; the data module they share."""

import warnings
from abc import abstractmethod
from pathlib import Path
from typing import Literal, Required, TypedDict

from drbn_lightning.batches import Pair
from drbn_lightning.data.cache import ImageCache
from drbn_lightning.data.crops import centre_crop, cut, draw_crop, generator, require_room, turned
from drbn_lightning.data.datamodule import TRAINING, PairDataModule, PairSet
from drbn_lightning.data.fingerprints import Fingerprint, overlap
from drbn_lightning.data.leaks import warn_or_refuse
from drbn_lightning.data.paired.matching import PairPaths, pair_files, split_by_target, verify
from drbn_lightning.data.sampling import Position
from drbn_lightning.errors import KEY, DRBNError, OptionError

Split = Literal["train", "test"]


class CachedPairs(PairSet):
    """Pairs of images on disk, decoded once: random crops for training, whole or central images otherwise."""

    def __init__(
        self,
        cache: ImageCache,
        pairs: list[PairPaths],
        rows: list[int] | None = None,
        *,
        crop_size: int | None = None,
        centre: int | None = None,
        repeats: int = 1,
        seed: int = 0,
    ) -> None:
        """Set up the pairs.

        Args:
            cache: all low images in the order of `pairs`, then all normal ones.
            pairs: names and paths.
            rows: which of the pairs to take; all by default.
            crop_size: side of random crops with flips and turns, in pixels.
            centre: largest side of the central window that is taken where there is no `crop_size`, in pixels.
            repeats: times that each pair comes in an epoch, each time with another crop.
            seed: seed of the crops.
        """
        self.cache, self.pairs, self.seed = cache, pairs, seed
        self.rows = list(range(len(pairs))) if rows is None else rows
        self.crop_size, self.centre, self.repeats = crop_size, centre, repeats

    def __len__(self) -> int:
        return len(self.rows) * self.repeats

    def __getitem__(self, position: Position) -> Pair:
        epoch, index = position
        row = self.rows[index % len(self.rows)]
        low, normal = self.cache[row], self.cache[len(self.pairs) + row]
        thumbnails = [self.cache.thumbnail(number) for number in (row, len(self.pairs) + row)]
        height, width = low.shape[-2:]
        if self.crop_size is not None:
            crop = draw_crop(generator(self.seed, TRAINING, epoch, index), height, width, self.crop_size)
            low, normal = cut(low, crop), cut(normal, crop)
            thumbnails = [turned(thumbnail, crop) for thumbnail in thumbnails]
        elif self.centre is not None:
            crop = centre_crop(height, width, self.centre)
            low, normal = cut(low, crop), cut(normal, crop)
        return Pair(low.float() / 255, normal.float() / 255, thumbnails[0], self.pairs[row].name, thumbnails[1])

    def fingerprint(self, name: str) -> Fingerprint:
        """Fingerprint of the pairs taken."""
        return Fingerprint.of_pairs(name, self.cache, self.rows, [len(self.pairs) + row for row in self.rows])


class PairOptions(TypedDict, total=False):
    """What `CachedPairsDataModule` takes, wherever the pairs lie; see there."""

    cache: Required[str]
    crop_size: int
    validation_pairs: int
    validation_crop: int | None
    repeats: int
    on_overlap: Literal["warn", "error"]
    batch_size: int
    num_workers: int
    seed: int


class CachedPairsDataModule(PairDataModule):
    """Pairs of images on disk; a source says where they lie in `find`."""

    title = "pairs"
    """What fingerprints call the data set."""

    def __init__(
        self,
        cache: str,
        crop_size: int = 64,
        validation_pairs: int = 16,
        validation_crop: int | None = None,
        repeats: int = 1,
        on_overlap: Literal["warn", "error"] = "warn",
        batch_size: int = 4,
        num_workers: int = 2,
        seed: int = 0,
    ) -> None:
        """Set up the data module; nothing is read before `prepare_data`.

        Args:
            cache: folder for decoded images.
            crop_size: side of the training crops in pixels.
            validation_pairs: about how many pairs of the training set are held out; the test set is never touched.
            validation_crop: validate on central windows of this side instead of whole images, which is quicker.
            repeats: times that each pair comes in an epoch (released code: 5).
            on_overlap: what to do when a training image also occurs in the test set.
            batch_size: see `PairDataModule`.
            num_workers: see `PairDataModule`.
            seed: see `PairDataModule`.

        Raises:
            DRBNError: `validation_pairs` is below 1 or `on_overlap` unknown.
        """
        super().__init__(batch_size, num_workers, seed)
        if validation_pairs < 1:
            raise OptionError(f"{KEY}.validation_pairs is {validation_pairs}; the best network is chosen by at least 1")
        if on_overlap not in ("warn", "error"):
            raise OptionError(f"{KEY}.on_overlap is {on_overlap!r}; use 'warn' or 'error'")
        self.cache_folder, self.crop_size, self.repeats = Path(cache), crop_size, repeats
        self.validation_pairs, self.validation_crop = validation_pairs, validation_crop
        self.on_overlap = on_overlap
        self._opened: dict[Split, tuple[list[PairPaths], ImageCache]] = {}

    @abstractmethod
    def find(self, split: Split) -> list[PairPaths]:
        """The pairs of a split."""

    def prepare_data(self) -> None:
        """Decode and verify every image that training needs, in one process."""
        self._open("train")

    def make_training_sets(self) -> tuple[CachedPairs, CachedPairs]:
        """Crops of the training split without the held-out pairs, and the held-out pairs."""
        pairs, cache = self._open("train")
        held_out = set(split_by_target(pairs, cache, self.validation_pairs, seed=0))
        rows = [row for row in range(len(pairs)) if row not in held_out]
        require_room(self.crop_size, ((str(pairs[row].low), cache.shape(row)) for row in rows))
        train = CachedPairs(cache, pairs, rows, crop_size=self.crop_size, repeats=self.repeats, seed=self.seed)
        validation = CachedPairs(cache, pairs, sorted(held_out), centre=self.validation_crop)
        self.check_overlap(train)
        return train, validation

    def make_test_set(self) -> CachedPairs:
        """Whole images of the test split."""
        pairs, cache = self._open("test")
        return CachedPairs(cache, pairs)

    def trained_on(self) -> list[Fingerprint]:
        """Fingerprints of the training pairs, and of those held out for validation, by which a network is chosen."""
        assert isinstance(self.train_set, CachedPairs)
        assert isinstance(self.validation_set, CachedPairs)
        used = {"train": self.train_set, "validation": self.validation_set}
        return [pairs.fingerprint(f"{self.title}/{name}") for name, pairs in used.items()]

    def tested_on(self) -> Fingerprint:
        """Fingerprint of the test pairs."""
        assert isinstance(self.test_set, CachedPairs)
        return self.test_set.fingerprint(f"{self.title}/test")

    def _open(self, split: Split) -> tuple[list[PairPaths], ImageCache]:
        """Find, decode and verify the pairs of a split, once for each data module."""
        if split not in self._opened:
            pairs = self.find(split)
            cache = ImageCache.open(self.cache_folder, pair_files(pairs))
            verify(pairs, cache)
            self._opened[split] = pairs, cache
        return self._opened[split]

    def check_overlap(self, train: CachedPairs) -> None:
        """Compare the training images with the test images, by content."""
        try:
            pairs, cache = self._open("test")
        except DRBNError as error:
            warnings.warn(f"the test images could not be compared with the training images: {error}", stacklevel=2)
            return
        name = f"{self.title}/train"
        shared = overlap(train.fingerprint(name), CachedPairs(cache, pairs).fingerprint(f"{self.title}/test"))
        if not shared:
            return
        message = f"{len(shared)} of the {len(pairs)} test images also occur in {name}, for example {shared[0]}"
        warn_or_refuse(self, message, "remove them")
