"""Pairs and unpaired photos in one training step, for semi-supervised training."""

import warnings
from typing import Any

from torch.utils.data import DataLoader

from drbn_lightning.batches import Pair, SemiSupervisedSample
from drbn_lightning.data.datamodule import PairDataModule, SampleDataModule, SampleSet
from drbn_lightning.data.fingerprints import Fingerprint, overlap, resemblance
from drbn_lightning.data.leaks import warn_or_refuse
from drbn_lightning.data.sampling import Position
from drbn_lightning.data.unpaired.samples import UnpairedDataModule, UnpairedSet
from drbn_lightning.data.unpaired.splits import REAL_LOW
from drbn_lightning.errors import DRBNError


class SemiSupervisedSet(SampleSet[SemiSupervisedSample]):
    """A pair and an unpaired sample side by side; an epoch is one pass through the pairs."""

    def __init__(self, pairs: SampleSet[Pair], unpaired: UnpairedSet) -> None:
        """Set up the samples; the unpaired set's own length does not count."""
        self.pairs, self.unpaired = pairs, unpaired.in_epochs_of(len(pairs))

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, position: Position) -> SemiSupervisedSample:
        return SemiSupervisedSample(self.pairs[position], self.unpaired[position])


class SemiSupervisedDataModule(SampleDataModule):
    """Trains on pairs and unpaired photos, tests on pairs.

    It validates on pairs and held-out low-light photos, as stage 2 needs it, or on all held-out photos, as a
    discriminator does. Batch size, workers and seed are those of the pairs. One loader
    brings both, so a resumed run goes on exactly.
    """

    holds = "pairs beside unpaired samples"

    def __init__(self, pairs: PairDataModule, unpaired: UnpairedDataModule, *, validates_on_pairs: bool = True) -> None:
        """Put two data modules together, neither of which has a trainer of its own.

        Args:
            pairs: the pairs.
            unpaired: the photos.
            validates_on_pairs: validate on the pairs and the low-light photos; otherwise on all photos.

        Raises:
            DRBNError: `unpaired` has no low-light photos to validate on beside the pairs.
        """
        if validates_on_pairs and not unpaired.has_real_low:
            raise DRBNError(
                "unpaired.real_low is not set: say which folder of low-light photos to enhance, unpaired.real_low=PATH"
            )
        super().__init__(pairs.batch_size, pairs.num_workers, pairs.seed)
        self.pairs, self.unpaired, self.validates_on_pairs = pairs, unpaired, validates_on_pairs
        self.on_overlap, self.on_overlap_key, self.has_test_set = (
            pairs.on_overlap,
            pairs.on_overlap_key,
            pairs.has_test_set,
        )

    def prepare_data(self) -> None:
        """Decode what both halves need, in one process."""
        self.pairs.prepare_data()
        self.unpaired.prepare_data()

    def make_training_sets(self) -> tuple[SemiSupervisedSet, SampleSet[Pair]]:
        """Both halves side by side for training, the pairs for validation."""
        self.pairs.setup("fit")
        self.unpaired.setup("fit")
        assert self.pairs.train_set is not None
        assert self.pairs.validation_set is not None
        assert self.unpaired.train_set is not None
        self._keep_test_images_out()
        return SemiSupervisedSet(self.pairs.train_set, self.unpaired.train_set), self.pairs.validation_set

    def make_test_set(self) -> SampleSet[Pair]:
        """The test pairs."""
        self.pairs.setup("test")
        assert self.pairs.test_set is not None
        return self.pairs.test_set

    def val_dataloader(self) -> list[DataLoader[Any]]:  # type: ignore[override]  # Lightning takes both
        """The validation pairs and the low-light photos held out for validation; or one loader of all such photos."""
        assert self.unpaired.validation_set is not None
        if not self.validates_on_pairs:
            return [self._in_order(self.unpaired.validation_set)]
        return [self._in_order(self.validation_set), self._in_order(self.unpaired.validation_set.only(REAL_LOW))]

    def trained_on(self) -> list[Fingerprint]:
        """Fingerprints of both halves."""
        return self.pairs.trained_on() + self.unpaired.trained_on()

    def tested_on(self) -> Fingerprint:
        """Fingerprint of the test pairs."""
        return self.pairs.tested_on()

    def describe(self) -> str:
        """What was loaded for training, half by half."""
        return f"{self.pairs.describe()}; {self.unpaired.describe()}"

    def _keep_test_images_out(self) -> None:
        """Compare the unpaired photos with both images of the test pairs, by content.

        A dark photo that only looks like a low-light test image may be a copy of it, or another exposure of the scene.

        NOTE: the released code lets test images into the adversarial loss.
        """
        photos = self.unpaired.photos_used()
        if not photos:
            return
        try:
            self.pairs.setup("test")
        except DRBNError as error:
            warnings.warn(f"the test images could not be compared with the unpaired photos: {error}", stacklevel=2)
            return
        tested = self.pairs.tested_on()
        for key, fingerprint in photos.items():
            shared = overlap(tested, fingerprint)
            if shared:
                raise DRBNError(
                    f"{len(shared)} of the photos in {key} are also in the test set {tested.name}, for example "
                    f"{shared[0]}: no test image may reach a loss; remove them from that folder"
                )
            if like := resemblance(tested, fingerprint):
                message = f"{len(like)} of the photos in {key} look like low-light images of the test set {tested.name}"
                warn_or_refuse(self, f"{message}, for example {like[0]}", "remove them from that folder")
