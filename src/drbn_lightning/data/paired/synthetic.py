"""The built-in default: pairs from endless synthetic scenes, without a download."""

import hashlib

from drbn_lightning.batches import Pair
from drbn_lightning.data.crops import generator
from drbn_lightning.data.datamodule import TEST, TRAINING, VALIDATION, PairDataModule, PairSet
from drbn_lightning.data.fingerprints import Fingerprint
from drbn_lightning.data.sampling import Position
from drbn_lightning.data.simulation.camera import LowLightCamera
from drbn_lightning.data.simulation.exposure import expose
from drbn_lightning.data.simulation.scenes import scene
from drbn_lightning.errors import KEY, OptionError


class ScenePairs(PairSet):
    """Endless synthetic scenes: another one for every epoch and index."""

    def __init__(
        self, camera: LowLightCamera, length: int, scene_size: int, crop_size: int | None, stream: int, seed: int
    ) -> None:
        """Set up the scenes.

        Args:
            camera: what takes the low-light images.
            length: scenes an epoch.
            scene_size: side of a scene in pixels.
            crop_size: side of the crop of a scene, or None for the whole.
            stream: which of the streams of random numbers to draw from.
            seed: seed of the stream.
        """
        self.camera, self.length, self.scene_size, self.crop_size = camera, length, scene_size, crop_size
        self.stream, self.seed = stream, seed

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, position: Position) -> Pair:
        rng = generator(self.seed, self.stream, *position)
        image = scene(rng, self.scene_size, self.scene_size)
        return expose(self.camera, image, rng, self.crop_size, f"scene_{position[1]:03d}")


class SyntheticDataModule(PairDataModule):
    """The built-in default: scenes of our own making, so that everything runs without a download."""

    def __init__(
        self,
        camera: LowLightCamera,
        length: int = 320,
        scene_size: int = 128,
        crop_size: int = 64,
        validation_scenes: int = 8,
        test_scenes: int = 24,
        test_size: int = 192,
        batch_size: int = 4,
        num_workers: int = 2,
        seed: int = 0,
    ) -> None:
        """Set up the data module.

        Args:
            camera: what takes the low-light images.
            length: scenes an epoch.
            scene_size: side of a training scene in pixels.
            crop_size: side of the training crops in pixels.
            validation_scenes: number of validation scenes, the same in every epoch.
            test_scenes: number of test scenes; the same whatever the seed.
            test_size: side of validation and test scenes in pixels.
            batch_size: see `PairDataModule`.
            num_workers: see `PairDataModule`.
            seed: see `PairDataModule`.

        Raises:
            DRBNError: a crop is larger than a scene, or a number of scenes below 1.
        """
        super().__init__(batch_size, num_workers, seed)
        if not 1 <= crop_size <= scene_size:
            raise OptionError(f"{KEY}.crop_size={crop_size} must be from 1 to {KEY}.scene_size={scene_size}")
        if min(length, validation_scenes, test_scenes) < 1:
            raise OptionError(f"{KEY}.length, {KEY}.validation_scenes and {KEY}.test_scenes must be at least 1")
        self.camera, self.length, self.scene_size, self.crop_size = camera, length, scene_size, crop_size
        self.validation_scenes, self.test_scenes, self.test_size = validation_scenes, test_scenes, test_size

    def make_training_sets(self) -> tuple[ScenePairs, ScenePairs]:
        """Fresh scenes every epoch, and fixed ones for validation."""
        train = ScenePairs(self.camera, self.length, self.scene_size, self.crop_size, TRAINING, self.seed)
        return train, ScenePairs(self.camera, self.validation_scenes, self.test_size, None, VALIDATION, 0)

    def make_test_set(self) -> ScenePairs:
        """Fixed scenes that training never sees."""
        return ScenePairs(self.camera, self.test_scenes, self.test_size, None, TEST, 0)

    def trained_on(self) -> list[Fingerprint]:
        """What the scenes are made from; they occur in no other data set."""
        return [self._fingerprint("synthetic/train", [self.length, self.scene_size, self.seed])]

    def tested_on(self) -> Fingerprint:
        """What the test scenes are made from."""
        return self._fingerprint("synthetic/test", [self.test_scenes, self.test_size])

    def _fingerprint(self, name: str, settings: list[int]) -> Fingerprint:
        text = repr((name, settings, sorted(vars(self.camera).items())))
        return Fingerprint(name, settings[0], hashlib.sha256(text.encode()).hexdigest()[:16])
