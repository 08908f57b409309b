"""The built-in default: scenes of our own making whose quality is known, because it was degraded in measured doses."""

import hashlib
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from drbn_lightning.batches import Photo, Unpaired
from drbn_lightning.data.crops import generator, thumbnail_tensor
from drbn_lightning.data.datamodule import TEST, VALIDATION
from drbn_lightning.data.fingerprints import Fingerprint
from drbn_lightning.data.sampling import Position
from drbn_lightning.data.simulation.camera import LowLightCamera
from drbn_lightning.data.simulation.degradations import degrade, doses
from drbn_lightning.data.simulation.exposure import expose
from drbn_lightning.data.simulation.scenes import scene
from drbn_lightning.data.unpaired.grades import kind_of, require_scores, score, severity
from drbn_lightning.data.unpaired.samples import (
    HELD_OUT,
    STREAMS,
    PhotoSet,
    UnpairedDataModule,
    UnpairedSet,
    require_crops,
    scalar,
)
from drbn_lightning.data.unpaired.splits import HIGH, LOW, REAL_LOW
from drbn_lightning.errors import DRBNError

SMALLEST = 8
"""Shortest side of a scene, in pixels."""


def degraded_scene(rng: np.random.Generator, size: int, degraded: float) -> Tensor:
    """Draw a scene and degrade it.

    Args:
        rng: the source of randomness.
        size: height and width in pixels, at least 8.
        degraded: severity, from 0 to 1.

    Returns:
        `(3, size, size)` float32 display values in [0, 1].
    """
    return degrade(scene(rng, size, size), doses(rng, degraded), rng)


class RatedScenes(UnpairedSet):
    """Endless scenes, good, bad and dark: others for every epoch and index."""

    def __init__(
        self, camera: LowLightCamera, size: int, high_mos: float, low_mos: float, length: int, seed: int
    ) -> None:
        """Set up the scenes; arguments as for `SyntheticRatingsDataModule`, `size` being their side in pixels."""
        super().__init__(length)
        self.camera, self.size, self.seed = camera, size, seed
        self.ranges = {HIGH: (0.0, severity(high_mos)), LOW: (severity(low_mos), 1.0)}

    def __getitem__(self, position: Position) -> Unpaired:
        streams = {kind: generator(self.seed, stream, *position) for kind, stream in STREAMS.items()}
        severities = [streams[kind].uniform(*limits) for kind, limits in self.ranges.items()]
        high, low = (
            degraded_scene(streams[kind], self.size, degraded)
            for kind, degraded in zip(self.ranges, severities, strict=True)
        )
        rng = streams[REAL_LOW]
        shot = expose(self.camera, scene(rng, self.size, self.size), rng, None, REAL_LOW)
        return Unpaired(high, low, shot.low, shot.thumbnail, *(scalar(score(degraded)) for degraded in severities))


class RatedScenePhotos(PhotoSet):
    """Fixed scenes: all grades evenly, then dark ones."""

    def __init__(
        self, camera: LowLightCamera, size: int, high_mos: float, low_mos: float, rated: int, dark: int, role: int
    ) -> None:
        """Set up the scenes; `rated` and `dark` are their numbers, `role` is VALIDATION or TEST."""
        self.scores = [score((number + 0.5) / rated) for number in range(rated)] + [float("nan")] * dark
        kinds = [kind_of(mos, high_mos, low_mos) for mos in self.scores[:rated]]
        super().__init__(kinds + [REAL_LOW] * dark)
        self.camera, self.size, self.rated, self.role = camera, size, rated, role

    def photo(self, number: int) -> Photo:
        """Scene `number`, the best ones first."""
        rng = generator(0, HELD_OUT, self.role, number)
        mos, kind = self.scores[number], self.kinds[number]
        if kind == REAL_LOW:
            shot = expose(self.camera, scene(rng, self.size, self.size), rng, None, kind)
            image, thumbnail = shot.low, shot.thumbnail
        else:
            image = degraded_scene(rng, self.size, severity(mos))
            thumbnail = thumbnail_tensor(image)
        name = f"{kind}_{number - self.rated if kind == REAL_LOW else number:03d}"
        return Photo(image, thumbnail, torch.tensor(mos, dtype=torch.float32), kind, name)


class SyntheticRatingsDataModule(UnpairedDataModule):
    """The built-in default: photos without partners that need no download."""

    has_real_low = True

    def __init__(
        self,
        camera: LowLightCamera,
        high_mos: float = 6.5,
        low_mos: float = 4.0,
        crop_size: int = 96,
        length: int = 320,
        short_side: int = 128,
        validation_photos: int = 48,
        test_photos: int = 96,
        real_low_validation_photos: int = 8,
        real_low_test_photos: int = 16,
        batch_size: int = 4,
        num_workers: int = 2,
        seed: int = 0,
    ) -> None:
        """Set up the data module.

        Args:
            camera: what takes the low-light photos.
            high_mos: good scenes have this score and above, up to 9.
            low_mos: bad scenes have this score and below, down to 1.
            crop_size: side of the training scenes in pixels.
            length: samples an epoch.
            short_side: side of the held-out scenes in pixels, not below `crop_size`.
            validation_photos: number of rated validation scenes, the same whatever the seed.
            test_photos: number of rated test scenes.
            real_low_validation_photos: number of dark validation scenes.
            real_low_test_photos: number of dark test scenes.
            batch_size: see `SampleDataModule`.
            num_workers: see `SampleDataModule`.
            seed: see `SampleDataModule`.

        Raises:
            DRBNError: a scene is too small, a number negative, or the scores do not fit each other.
        """
        super().__init__(batch_size, num_workers, seed)
        require_crops(crop_size, short_side, length)
        if crop_size < SMALLEST:
            raise DRBNError(f"unpaired.crop_size is {crop_size}; a scene needs {SMALLEST} pixels a side")
        require_scores(high_mos, low_mos)
        if min(validation_photos, test_photos, real_low_validation_photos, real_low_test_photos) < 0:
            raise DRBNError("the numbers of photos in unpaired.*_photos cannot be negative; 0 holds out none")
        self.camera, self.high_mos, self.low_mos = camera, high_mos, low_mos
        self.crop_size, self.length, self.short_side = crop_size, length, short_side
        self.rated = {VALIDATION: validation_photos, TEST: test_photos}
        self.dark = {VALIDATION: real_low_validation_photos, TEST: real_low_test_photos}

    def make_training_sets(self) -> tuple[RatedScenes, RatedScenePhotos]:
        """Fresh scenes every epoch, and fixed ones for validation."""
        train = RatedScenes(self.camera, self.crop_size, self.high_mos, self.low_mos, self.length, self.seed)
        return train, self._held_out(VALIDATION)

    def make_test_set(self) -> RatedScenePhotos:
        """Fixed scenes that training never sees."""
        return self._held_out(TEST)

    def trained_on(self) -> list[Fingerprint]:
        """What the scenes are made from; they occur in no other data set."""
        return [self._fingerprint("graded/train", [self.length, self.crop_size, self.seed])]

    def tested_on(self) -> Fingerprint:
        """What the test scenes are made from."""
        count = self.rated[TEST] + self.dark[TEST]
        return self._fingerprint("graded/test", [count, self.dark[TEST], self.short_side])

    def photos_used(self) -> Mapping[str, Fingerprint]:
        """No photos that lie anywhere."""
        return {}

    def _held_out(self, role: int) -> RatedScenePhotos:
        numbers = self.rated[role], self.dark[role]
        return RatedScenePhotos(self.camera, self.short_side, self.high_mos, self.low_mos, *numbers, role)

    def _fingerprint(self, name: str, settings: list[int]) -> Fingerprint:
        text = repr((name, settings, self.high_mos, self.low_mos, sorted(vars(self.camera).items())))
        return Fingerprint(name, settings[0], hashlib.sha256(text.encode()).hexdigest()[:16])
