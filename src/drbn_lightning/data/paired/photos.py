"""Pairs from any folder of ordinary photos, through the low-light camera."""

from functools import cached_property
from pathlib import Path

from drbn_lightning.batches import Pair
from drbn_lightning.data.cache import ImageCache
from drbn_lightning.data.crops import centre_crop, cut, generator, require_room
from drbn_lightning.data.datamodule import TRAINING, VALIDATION, PairDataModule, PairSet
from drbn_lightning.data.fingerprints import Fingerprint
from drbn_lightning.data.sampling import Position
from drbn_lightning.data.simulation.camera import LowLightCamera
from drbn_lightning.data.simulation.exposure import expose, unchanged
from drbn_lightning.errors import KEY, OptionError
from drbn_lightning.images.folders import list_images


class PhotoPairs(PairSet):
    """Ordinary photos through the low-light camera."""

    def __init__(
        self,
        camera: LowLightCamera,
        cache: ImageCache,
        rows: list[int],
        *,
        crop_size: int | None = None,
        centre: int | None = None,
        repeats: int = 1,
        unchanged_share: float = 0.0,
        seed: int = 0,
    ) -> None:
        """Set up the photos; arguments as for `PhotosDataModule`, `rows` being the photos of `cache` to take."""
        self.camera, self.cache, self.rows, self.seed = camera, cache, rows, seed
        self.crop_size, self.centre, self.repeats, self.unchanged_share = crop_size, centre, repeats, unchanged_share
        self.stream = VALIDATION if crop_size is None else TRAINING

    def __len__(self) -> int:
        return len(self.rows) * self.repeats

    def __getitem__(self, position: Position) -> Pair:
        row = self.rows[position[1] % len(self.rows)]
        image = self.cache[row]
        if self.centre is not None:
            image = cut(image, centre_crop(image.shape[-2], image.shape[-1], self.centre))
        rng = generator(self.seed, self.stream, *position)
        if self.unchanged_share and rng.random() < self.unchanged_share:
            return unchanged(image, self.cache.thumbnail(row), rng, self.crop_size, self.cache.name(row))
        return expose(self.camera, image, rng, self.crop_size, self.cache.name(row))


class PhotosDataModule(PairDataModule):
    """Any folder of well-exposed photos, for people without pairs. Its test set is its validation set."""

    has_test_set = False

    def __init__(
        self,
        root: str | None,
        camera: LowLightCamera,
        cache: str,
        crop_size: int = 64,
        validation_photos: int = 8,
        validation_crop: int | None = None,
        repeats: int = 4,
        unchanged_share: float = 0.0,
        batch_size: int = 4,
        num_workers: int = 2,
        seed: int = 0,
    ) -> None:
        """Set up the data module; nothing is read before `prepare_data`.

        Args:
            root: folder of photos.
            camera: what takes the low-light images.
            cache: folder for decoded images.
            crop_size: side of the training crops in pixels.
            validation_photos: number of photos held out.
            validation_crop: largest side of the central window that validation takes, in pixels.
            repeats: times that each photo comes in an epoch, each time with another crop and exposure.
            unchanged_share: share of the samples that are not darkened at all, in [0, 1]: what is bright already is to
                stay as it is.
            batch_size: see `PairDataModule`.
            num_workers: see `PairDataModule`.
            seed: see `PairDataModule`.

        Raises:
            DRBNError: `root` is not set, `validation_photos` below 1 or `unchanged_share` out of its range.
        """
        super().__init__(batch_size, num_workers, seed)
        if not root:
            raise OptionError(f"{KEY}.root is not set: say which folder of photos to train on, {KEY}.root=PATH")
        if validation_photos < 1:
            raise OptionError(
                f"{KEY}.validation_photos is {validation_photos}; the best network is chosen by at least 1"
            )
        if not 0 <= unchanged_share <= 1:
            raise OptionError(f"{KEY}.unchanged_share is {unchanged_share}; it must be from 0 to 1")
        self.root, self.camera, self.cache_folder = Path(root), camera, Path(cache)
        self.crop_size, self.repeats, self.unchanged_share = crop_size, repeats, unchanged_share
        self.validation_photos, self.validation_crop = validation_photos, validation_crop

    def prepare_data(self) -> None:
        """Decode every photo, in one process."""
        _ = self._cache

    def make_training_sets(self) -> tuple[PhotoPairs, PhotoPairs]:
        """Crops of all photos but those held out, and the held-out ones with fixed exposures."""
        cache, held_out, rest = self._split()
        require_room(self.crop_size, ((str(self.root / cache.name(row)), cache.shape(row)) for row in rest))
        options = {"repeats": self.repeats, "seed": self.seed}
        share = self.unchanged_share
        train = PhotoPairs(self.camera, cache, rest, crop_size=self.crop_size, unchanged_share=share, **options)
        return train, PhotoPairs(self.camera, cache, held_out, centre=self.validation_crop)

    def make_test_set(self) -> PhotoPairs:
        """The held-out photos."""
        cache, held_out, _ = self._split()
        return PhotoPairs(self.camera, cache, held_out, centre=self.validation_crop)

    def _split(self) -> tuple[ImageCache, list[int], list[int]]:
        """All photos, the rows held out (the same whatever the seed), and the others."""
        cache = self._cache
        if len(cache) <= self.validation_photos:
            raise OptionError(
                f"{self.root} holds {len(cache)} photos and {KEY}.validation_photos={self.validation_photos} are held "
                "out, which leaves none to train on; add photos or hold out fewer"
            )
        order = generator(0, VALIDATION).permutation(len(cache)).tolist()
        return cache, sorted(order[: self.validation_photos]), sorted(order[self.validation_photos :])

    def trained_on(self) -> list[Fingerprint]:
        """Fingerprints of the photos trained on, and of those held out for validation, by which a network is chosen."""
        assert isinstance(self.train_set, PhotoPairs)
        assert isinstance(self.validation_set, PhotoPairs)
        used = {"train": self.train_set, "validation": self.validation_set}
        return [Fingerprint.of_pairs(f"photos/{name}", pairs.cache, [], pairs.rows) for name, pairs in used.items()]

    def tested_on(self) -> Fingerprint:
        """Fingerprint of the held-out photos."""
        assert isinstance(self.test_set, PhotoPairs)
        return Fingerprint.of_pairs("photos/test", self.test_set.cache, [], self.test_set.rows)

    @cached_property
    def _cache(self) -> ImageCache:
        return ImageCache.open(self.cache_folder, list_images(self.root))
