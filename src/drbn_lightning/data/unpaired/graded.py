"""Photos whose quality is known, because they were spoilt in measured doses: as `synthetic` does it with scenes."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Unpack

import numpy as np
import torch

from drbn_lightning.baselines.catalog import BASELINES
from drbn_lightning.batches import Photo, Unpaired
from drbn_lightning.data.cache import ImageCache
from drbn_lightning.data.crops import generator, thumbnail_tensor
from drbn_lightning.data.datamodule import TEST, TRAINING, VALIDATION
from drbn_lightning.data.sampling import Position
from drbn_lightning.data.simulation.artefacts import KINDS, Mix, draw_mix, spoil
from drbn_lightning.data.simulation.camera import LowLightCamera
from drbn_lightning.data.simulation.exposure import expose
from drbn_lightning.data.unpaired.files import PhotoFile, in_folder
from drbn_lightning.data.unpaired.grades import kind_of, require_scores, score, severity
from drbn_lightning.data.unpaired.samples import HELD_OUT, STREAMS, StoredPhotos, StoredSamples, scalar
from drbn_lightning.data.unpaired.splits import HIGH, LOW, REAL_LOW, UNSEEN
from drbn_lightning.data.unpaired.stored import PhotoOptions, Rated, StoredDataModule
from drbn_lightning.errors import DRBNError

CLASSICAL = ("auto_gamma", "clahe", "msr", "lime")
"""Baselines whose results on real low-light photos are bad examples."""


class Grades(NamedTuple):
    """What is shown: where good and bad scores begin, kinds of degradation, how the two are drawn; darkened photos."""

    high_mos: float
    low_mos: float
    seen: tuple[str, ...]
    same_photo: bool
    baseline_share: float
    darkened_share: float
    camera: LowLightCamera


class GradedSamples(StoredSamples):
    """Random crops of photos, spoilt a little and spoilt much, and real low-light ones."""

    def __init__(
        self,
        cache: ImageCache,
        photos: Sequence[PhotoFile],
        crop_size: int,
        length: int,
        seed: int,
        grades: Grades,
    ) -> None:
        """Set up the samples; arguments as for `StoredSamples`, the photos being HIGH or REAL_LOW."""
        super().__init__(cache, photos, crop_size, length, seed)
        self.grades = grades

    def __getitem__(self, position: Position) -> Unpaired:
        stored, grades = self._with_darkened(super().__getitem__(position), position), self.grades
        rng, other = (generator(self.seed, STREAMS[kind], *position, 1) for kind in (HIGH, LOW))
        mix = draw_mix(rng, grades.seen)
        clean, how_good = stored.high_mos, rng.uniform(0, severity(grades.high_mos))
        stored = stored._replace(high_mos=spoil(clean, mix, how_good), high_score=scalar(score(how_good)))
        how_bad = other.uniform(severity(grades.low_mos), 1)
        if stored.real_low is not None and other.random() < grades.baseline_share:
            name = CLASSICAL[int(other.integers(len(CLASSICAL)))]
            _, method = BASELINES[name].build([])
            assert stored.real_low_thumbnail is not None
            dark = stored.real_low[None]
            strength = float(other.uniform(0.5, 1))
            result = method(dark, stored.real_low_thumbnail[None]).clamp(0, 1)
            return stored._replace(low_mos=torch.lerp(dark, result, strength)[0], low_score=scalar(math.nan))
        mix = mix if other.random() < 0.5 else draw_mix(other, grades.seen)
        clean = clean if grades.same_photo else self._other_photo(position, other)
        return stored._replace(low_mos=spoil(clean, mix, how_bad), low_score=scalar(score(how_bad)))

    def _with_darkened(self, stored: Unpaired, position: Position) -> Unpaired:
        """A crop of a darkened photo instead of the low-light one, where its turn comes."""
        rng = generator(self.seed, STREAMS[REAL_LOW], *position, 1)
        if stored.real_low is None or rng.random() >= self.grades.darkened_share:
            return stored
        row = self._any_good(rng)
        pair = expose(self.grades.camera, self.cache[row], rng, self.crop_size, self.cache.name(row), upright=True)
        return stored._replace(real_low=pair.low, real_low_thumbnail=pair.thumbnail)

    def _other_photo(self, position: Position, rng: np.random.Generator) -> torch.Tensor:
        """A crop of a photo that has nothing to do with that of `high_mos`."""
        row = self._any_good(rng)
        return self._cut(row, self._window(row, rng))

    def _any_good(self, rng: np.random.Generator) -> int:
        """Number of one of the good photos."""
        rows = self.rows[HIGH]
        return rows[int(rng.integers(len(rows)))]


class Grade(NamedTuple):
    """One held-out image: which of the photos it is made of, how, and its score."""

    photo: int
    mix: Mix
    mos: float


class GradedPhotos(StoredPhotos):
    """Held-out photos, spoilt to all grades evenly, the best ones first; then low-light photos, and darkened ones."""

    def __init__(
        self, cache: ImageCache, photos: Sequence[PhotoFile], grades: Grades, rated: int, unseen: int, role: int
    ) -> None:
        """Set up the photos.

        Args:
            cache: holds them.
            photos: those of `cache` to take, HIGH or REAL_LOW.
            grades: what training shows.
            rated: number of images of the kinds of degradation that training shows.
            unseen: number of images of the other kinds, where there are any.
            role: VALIDATION or TEST.
        """
        clean = [number for number, photo in enumerate(photos) if photo.kind == HIGH]
        self.dark = [number for number, photo in enumerate(photos) if photo.kind == REAL_LOW]
        others = [kind for kind in KINDS if kind not in grades.seen]
        self.made, kinds = list[Grade](), list[str]()
        for salt, count, names in ((0, rated, grades.seen), (1, unseen, others)):
            order = generator(0, HELD_OUT, role, salt).permutation(count)
            for number in range(count if clean and names else 0):
                rng = generator(0, HELD_OUT, role, salt, number)
                mos = score((number + 0.5) / count)
                self.made.append(Grade(clean[int(order[number]) % len(clean)], draw_mix(rng, names), mos))
                kinds.append(UNSEEN if salt else kind_of(mos, grades.high_mos, grades.low_mos))
        self.camera, self.role, share = grades.camera, role, grades.darkened_share
        made = round(len(self.dark) * share / (1 - share)) if clean else 0
        self.to_darken = [clean[number % len(clean)] for number in range(made)]
        super().__init__(cache, photos, [*kinds, *[REAL_LOW] * (len(self.dark) + made)])

    def photo(self, number: int) -> Photo:
        """Image `number` of all kinds."""
        if number >= len(self.made):
            return self._dark(number - len(self.made))
        photo, mix, mos = self.made[number]
        clean = super().photo(photo)
        image = spoil(clean.photo, mix, severity(mos))
        name = f"{number:03d}_{'_'.join(mix.shares)}_{clean.name}"
        return Photo(image, thumbnail_tensor(image), scalar(mos), self.kinds[number], name)

    def _dark(self, number: int) -> Photo:
        """Low-light photo `number`: the real ones come before the darkened ones."""
        if number < len(self.dark):
            return super().photo(self.dark[number])
        number -= len(self.dark)
        clean = super().photo(self.to_darken[number])
        pair = expose(self.camera, clean.photo, generator(0, HELD_OUT, self.role, 2, number), None, clean.name)
        return Photo(pair.low, pair.thumbnail, scalar(math.nan), REAL_LOW, f"{number:03d}_darkened_{clean.name}")


class GradedDataModule(StoredDataModule):
    """Good photos of one folder, spoilt in measured doses; nobody need have rated them."""

    source = "graded"

    def __init__(
        self,
        photos: str | None,
        camera: LowLightCamera | None = None,
        darkened_share: float = 0.0,
        high_mos: float = 7.0,
        low_mos: float = 6.0,
        same_photo: bool = True,
        baseline_share: float = 0.1,
        hold_out_kinds: Sequence[str] = (),
        unseen_validation_photos: int = 48,
        unseen_test_photos: int = 96,
        **options: Unpack[PhotoOptions],
    ) -> None:
        """Set up the data module; nothing is read before `prepare_data`.

        Args:
            photos: folder of good photos.
            camera: takes the low-light photos that are made of good ones.
            darkened_share: share of the low-light photos that are made so, where there are real ones; below 1.
            high_mos: good images have this score and above, up to 9, that of a photo as it is.
            low_mos: bad images have this score and below, down to 1.
            same_photo: the good and the bad image of a sample are one crop of one photo in two severities, half of them
                spoilt in one way; otherwise two photos.
            baseline_share: share of the bad images that are classical methods' results on real low-light photos
                instead, where there are such photos.
            hold_out_kinds: kinds of degradation (`artefacts.KINDS`) that training never shows; validation and test
                have images of them, which count by themselves.
            unseen_validation_photos: number of validation images of those kinds.
            unseen_test_photos: number of test images of those kinds.
            options: see `StoredDataModule`; `validation_photos` and `test_photos` are the numbers of rated images, of
                all grades evenly, made of the photos that are held out.

        Raises:
            DRBNError: `photos` is not set, or another setting is out of its range.
        """
        super().__init__(**options)
        if not photos:
            raise DRBNError("unpaired.photos is not set: say which folder holds good photos, unpaired.photos=PATH")
        require_scores(high_mos, low_mos)
        if not 0 <= baseline_share <= 1:
            raise DRBNError(f"unpaired.baseline_share is {baseline_share}; it must be from 0 to 1")
        if not 0 <= darkened_share < 1:
            raise DRBNError(f"unpaired.darkened_share is {darkened_share}; it must be from 0 to below 1")
        unknown = [kind for kind in hold_out_kinds if kind not in KINDS]
        seen = tuple(kind for kind in KINDS if kind not in hold_out_kinds)
        if unknown or not seen:
            raise DRBNError(
                f"unpaired.hold_out_kinds={list(hold_out_kinds)}: name some, not all, of {', '.join(KINDS)}"
            )
        if min(unseen_validation_photos, unseen_test_photos) < 0:
            raise DRBNError("the numbers of photos in unpaired.unseen_*_photos cannot be negative; 0 makes none")
        self.folder = Path(photos)
        camera = camera or LowLightCamera()
        self.grades = Grades(high_mos, low_mos, seen, same_photo, baseline_share, darkened_share, camera)
        self.unseen = {VALIDATION: unseen_validation_photos, TEST: unseen_test_photos}

    def rated(self) -> Rated:
        """Find the photos."""
        photos = in_folder(self.folder, HIGH, self.shares, "unpaired.photos")
        return Rated(photos, [HIGH], f"{len(photos)} photos in {self.folder}")

    def make_training_sets(self) -> tuple[GradedSamples, GradedPhotos]:
        """Crops of the photos that are not held out, and the held-out ones in all grades for validation."""
        cache, photos = self._training_photos
        training = [photo for photo in photos if photo.role == TRAINING]
        self._require(training, cache)
        samples = GradedSamples(cache, training, self.crop_size, self.length, self.seed, self.grades)
        held_out = [photo for photo in photos if photo.role == VALIDATION]
        return samples, self._held_out(cache, held_out, VALIDATION, self.limits.validation)

    def make_test_set(self) -> GradedPhotos:
        """The photos that neither training nor validation sees, in all grades."""
        cache, photos = self._test_photos
        return self._held_out(cache, photos, TEST, self.limits.test)

    def _held_out(self, cache: ImageCache, photos: Sequence[PhotoFile], role: int, rated: int) -> GradedPhotos:
        return GradedPhotos(cache, photos, self.grades, rated, self.unseen[role], role)
