"""Several sources of pairs at once: real pairs for fidelity, other scenes and cameras for photos from elsewhere."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import accumulate

from drbn_lightning.batches import Pair
from drbn_lightning.data.datamodule import PairDataModule, PairSet
from drbn_lightning.data.fingerprints import Fingerprint
from drbn_lightning.data.leaks import check_seen
from drbn_lightning.data.sampling import Position
from drbn_lightning.errors import KEY, OptionError


class ChainedPairs(PairSet):
    """Sets of pairs one after another, as one."""

    def __init__(self, sets: Sequence[PairSet]) -> None:
        """Chain the sets, none of which is empty."""
        self.sets = list(sets)
        self.ends = list(accumulate(len(part) for part in self.sets))

    def __len__(self) -> int:
        return self.ends[-1]

    def __getitem__(self, position: Position) -> Pair:
        epoch, index = position
        number = bisect_right(self.ends, index)
        start = self.ends[number - 1] if number else 0
        return self.sets[number][epoch, index - start]


class MixedDataModule(PairDataModule):
    """Trains and validates on all of its parts; its test set is that of the first part."""

    def __init__(
        self,
        parts: Mapping[str, PairDataModule | None],
        crop_size: int = 96,
        batch_size: int = 4,
        num_workers: int = 2,
        seed: int = 0,
    ) -> None:
        """Put the parts together. How often each comes in an epoch is its own setting (`repeats`, `length`).

        Args:
            parts: sources of pairs by name; None leaves one out.
            crop_size: side of the training crops of every part, in pixels.
            batch_size: see `PairDataModule`; those of the parts, and their workers, do not count.
            num_workers: see `PairDataModule`.
            seed: see `PairDataModule`.

        Raises:
            DRBNError: there is no part, or one makes crops of another size.
        """
        super().__init__(batch_size, num_workers, seed)
        self.parts = {name: part for name, part in parts.items() if part is not None}
        if not self.parts:
            raise OptionError(f"{KEY}.parts is empty: name at least one source of pairs")
        tested, first = next(iter(self.parts.items()))
        self.on_overlap, self.has_test_set = first.on_overlap, first.has_test_set
        self.on_overlap_key = f"{KEY}.parts.{tested}.on_overlap"
        for name, part in self.parts.items():
            if getattr(part, "crop_size", crop_size) != crop_size:
                raise OptionError(
                    f"{KEY}.parts.{name}.crop_size differs from {KEY}.crop_size={crop_size}; make them equal"
                )

    def prepare_data(self) -> None:
        """Decode what the parts need, in one process."""
        for name, part in self.parts.items():
            with _named(name):
                part.prepare_data()

    def make_training_sets(self) -> tuple[ChainedPairs, ChainedPairs]:
        """The training sets of all parts, and their validation sets."""
        training, validation = [], []
        for name, part in self.parts.items():
            with _named(name):
                part.setup("fit")
            assert part.train_set is not None
            assert part.validation_set is not None
            training.append(part.train_set)
            validation.append(part.validation_set)
        others = list(self.parts.items())[1:]  # the first one has looked by itself
        check_seen(self, {f"data.parts.{name}": part.trained_on() for name, part in others}, "remove them")
        return ChainedPairs(training), ChainedPairs(validation)

    def make_test_set(self) -> PairSet:
        """The test set of the first part."""
        name, first = next(iter(self.parts.items()))
        with _named(name):
            first.setup("test")
        assert first.test_set is not None
        return first.test_set

    def trained_on(self) -> list[Fingerprint]:
        """Fingerprints of all parts; where two parts make pairs of the same photos, these count once."""
        found = [fingerprint for part in self.parts.values() for fingerprint in part.trained_on()]
        return list({(fingerprint.name, fingerprint.identity): fingerprint for fingerprint in found}.values())

    def tested_on(self) -> Fingerprint:
        """Fingerprint of the first part's test set."""
        return next(iter(self.parts.values())).tested_on()


@contextmanager
def _named(part: str) -> Iterator[None]:
    """Let the errors of a part name its keys."""
    try:
        yield
    except OptionError as error:
        raise error.below(f"{KEY}.parts.{part}") from None
