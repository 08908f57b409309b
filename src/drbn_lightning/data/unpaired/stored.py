"""Unpaired photos on disk: opened, kept apart and counted, whatever says which of them people like."""

import warnings
from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Required, TypedDict

from drbn_lightning.data.cache import ImageCache
from drbn_lightning.data.datamodule import TEST, TRAINING, VALIDATION
from drbn_lightning.data.fingerprints import Fingerprint
from drbn_lightning.data.unpaired.files import Limits, PhotoFile, Shares, checked, in_folder, used
from drbn_lightning.data.unpaired.samples import (
    StoredPhotos,
    StoredSamples,
    UnpairedDataModule,
    fingerprint,
    require_crops,
    without_copies,
)
from drbn_lightning.data.unpaired.splits import HIGH, KINDS, REAL_LOW
from drbn_lightning.errors import DRBNError, named


class PhotoOptions(TypedDict, total=False):
    """What `StoredDataModule` takes, whatever the source; see there."""

    cache: Required[str]
    real_low: str | None
    real_low_validation_share: float
    real_low_test_share: float
    validation_share: float
    test_share: float
    validation_photos: int
    test_photos: int
    part: int
    parts: int
    max_corrupt: float
    short_side: int | None
    crop_size: int
    length: int
    batch_size: int
    num_workers: int
    seed: int


class Rated(NamedTuple):
    """Photos that a source found, held-out ones among them, the kinds that training needs, and a report in counts."""

    photos: list[PhotoFile]
    needed: list[str]
    report: str


class StoredDataModule(UnpairedDataModule):
    """Photos on disk, and a folder of real low-light photos beside them."""

    source = "photos"
    """What the photos are called in fingerprints."""

    def __init__(
        self,
        cache: str,
        real_low: str | None = None,
        real_low_validation_share: float = 0.2,
        real_low_test_share: float = 0.2,
        validation_share: float = 0.05,
        test_share: float = 0.05,
        validation_photos: int = 48,
        test_photos: int = 240,
        part: int = 0,
        parts: int = 1,
        max_corrupt: float = 0.05,
        short_side: int | None = 160,
        crop_size: int = 128,
        length: int = 320,
        batch_size: int = 4,
        num_workers: int = 2,
        seed: int = 0,
    ) -> None:
        """Set up the data module; nothing is read before `prepare_data`.

        Args:
            cache: folder for decoded images.
            real_low: folder of real low-light photos; None for none.
            real_low_validation_share: share of them that is held out for validation.
            real_low_test_share: share of them that is held out for testing.
            validation_share: share of ALL rated photos that is held out for validation, whatever their scores.
            test_share: share of all rated photos that is held out for testing.
            validation_photos: at most so many of the held-out rated photos are used, of each kind alike.
            test_photos: the same for testing.
            part: which of `parts` to take, from 0.
            parts: into how many parts all photos are dealt that share none.
            max_corrupt: share of the photos that may be corrupt; they are left out.
            short_side: side that photos are resized to, in pixels; None leaves them as they are.
            crop_size: side of the training crops in pixels.
            length: samples an epoch.
            batch_size: see `SampleDataModule`.
            num_workers: see `SampleDataModule`.
            seed: see `SampleDataModule`.

        Raises:
            DRBNError: a setting is out of its range.
        """
        super().__init__(batch_size, num_workers, seed)
        require_crops(crop_size, short_side, length)
        self.shares = checked(Shares(validation_share, test_share, part, parts), "unpaired.")
        dark = Shares(real_low_validation_share, real_low_test_share, part, parts)
        self.real_low_shares = checked(dark, "unpaired.real_low_")
        self.limits = Limits(validation_photos, test_photos)
        self.cache_folder, self.real_low = Path(cache), Path(real_low) if real_low else None
        self.max_corrupt, self.short_side = max_corrupt, short_side
        self.crop_size, self.length = crop_size, length
        self._corrupt: dict[Path, str] = {}

    @abstractmethod
    def rated(self) -> Rated:
        """Find the photos that people like or dislike."""

    @property
    def has_real_low(self) -> bool:
        """Whether a folder of low-light photos is set."""
        return self.real_low is not None

    def prepare_data(self) -> None:
        """Decode every photo that training needs, in one process."""
        _ = self._training_photos

    def make_training_sets(self) -> tuple[StoredSamples, StoredPhotos]:
        """Crops of the photos that are not held out, and whole photos for validation."""
        cache, photos = self._training_photos
        training = [photo for photo in photos if photo.role == TRAINING]
        self._require(training, cache)
        held_out = StoredPhotos(cache, [photo for photo in photos if photo.role == VALIDATION])
        return StoredSamples(cache, training, self.crop_size, self.length, self.seed), held_out

    def make_test_set(self) -> StoredPhotos:
        """Whole photos that neither training nor validation sees."""
        return StoredPhotos(*self._test_photos)

    def trained_on(self) -> list[Fingerprint]:
        """Fingerprints of the photos trained on, kind by kind, and of those held out for validation."""
        assert isinstance(self.train_set, StoredSamples)
        assert isinstance(self.validation_set, StoredPhotos)
        cache, photos = self.train_set.cache, self.train_set.photos
        sets = {kind: [photo for photo in photos if photo.kind == kind] for kind in KINDS}
        sets["validation"] = self.validation_set.photos
        return [fingerprint(f"{self.source}/{name}", cache, chosen) for name, chosen in sets.items() if chosen]

    def tested_on(self) -> Fingerprint:
        """Fingerprint of the test photos."""
        assert isinstance(self.test_set, StoredPhotos)
        return fingerprint(f"{self.source}/test", self.test_set.cache, self.test_set.photos)

    def photos_used(self) -> Mapping[str, Fingerprint]:
        """Photos trained on or validated on, by the key of their folder."""
        assert isinstance(self.train_set, StoredSamples)
        assert isinstance(self.validation_set, StoredPhotos)
        cache, photos = self.train_set.cache, self.train_set.photos + self.validation_set.photos
        keys = sorted({photo.key for photo in photos})
        return {key: fingerprint(key, cache, [photo for photo in photos if photo.key == key]) for key in keys}

    def describe(self) -> str:
        """What was loaded, and how many photos were found and used."""
        assert isinstance(self.train_set, StoredSamples)
        assert isinstance(self.validation_set, StoredPhotos)
        test = [photo.kind for photo in self._files if photo.role == TEST]
        training = [photo.kind for photo in self.train_set.photos]
        used_for = {"training": training, "validation": self.validation_set.kinds, "test": test}
        counts = "; ".join(f"{what}: {_counted(kinds)}" for what, kinds in used_for.items())
        return f"{super().describe()}; {self._rated.report}, {len(self._corrupt)} corrupt; {counts}"

    @cached_property
    def _rated(self) -> Rated:
        return self.rated()

    @cached_property
    def _files(self) -> list[PhotoFile]:
        """All photos that are used, for whatever."""
        dark = in_folder(self.real_low, REAL_LOW, self.real_low_shares, "unpaired.real_low") if self.real_low else []
        return used(self._rated.photos, self.limits) + dark

    @cached_property
    def _test_photos(self) -> tuple[ImageCache, list[PhotoFile]]:
        return self._open(TEST)

    @cached_property
    def _training_photos(self) -> tuple[ImageCache, list[PhotoFile]]:
        """What training and validation need, without copies of images that are held out."""
        tested, test = self._test_photos
        cache, photos = self._open(TRAINING, VALIDATION)
        photos = without_copies(cache, photos, tested, test)
        validation = [photo for photo in photos if photo.role == VALIDATION]
        training = [photo for photo in photos if photo.role == TRAINING]
        return cache, validation + without_copies(cache, training, cache, validation)

    def _open(self, *roles: int) -> tuple[ImageCache, list[PhotoFile]]:
        """Decode the photos of some roles, each file once, and leave out the corrupt ones."""
        photos = [photo for photo in self._files if photo.role in roles]
        paths = list(dict.fromkeys(photo.path for photo in photos))
        cache = ImageCache.open(self.cache_folder, paths, self.short_side, tolerant=True)
        corrupt = {paths[failure.position]: failure.reason for failure in cache.failed}
        self._report_corrupt(corrupt, len(paths))
        numbers = {path: number for number, path in enumerate(path for path in paths if path not in corrupt)}
        return cache, [photo._replace(number=numbers[photo.path]) for photo in photos if photo.path in numbers]

    def _report_corrupt(self, corrupt: Mapping[Path, str], count: int) -> None:
        """Warn once about corrupt photos, or refuse them where they are too many."""
        new = [str(path) for path in corrupt if path not in self._corrupt]
        self._corrupt.update(corrupt)
        if not new:
            return
        reason = corrupt[Path(new[0])]
        message = f"{len(corrupt)} of {count} photos cannot be decoded: {named([str(path) for path in corrupt])}"
        if len(corrupt) > self.max_corrupt * count:
            allow = f"allow a larger share with unpaired.max_corrupt, now {self.max_corrupt}"
            raise DRBNError(f"{message} ({reason}) Replace or remove them, or {allow}.")
        warnings.warn(f"{message}; they are left out ({reason})", stacklevel=2)

    def _require(self, training: Sequence[PhotoFile], cache: ImageCache) -> None:
        """Check that every kind that is needed has photos left, and that each has room for the crop."""
        left = {photo.kind for photo in training}
        for kind in [*self._rated.needed, *([REAL_LOW] if self.has_real_low else [])]:
            if kind not in left:
                key = "unpaired.real_low_" if kind == REAL_LOW else "unpaired."
                less = f"{key}validation_share or {key}test_share"
                report = self._rated.report
                raise DRBNError(f"no {kind} photo is left to train on ({report}); add some, or lower {less}")
        for photo in training:
            _, height, width = cache.shape(photo.number)
            if min(height, width) < self.crop_size:
                size = f"{photo.path} has {width}x{height} pixels, smaller than unpaired.crop_size={self.crop_size}"
                raise DRBNError(f"{size}; choose a smaller crop, or set unpaired.short_side to resize all photos")


def _counted(kinds: Sequence[str]) -> str:
    """Count photos of each kind, in words."""
    counts = Counter(kinds)
    return ", ".join(f"{counts[kind]} {kind}" for kind in KINDS if counts[kind]) or f"no {HIGH} or other photo"
