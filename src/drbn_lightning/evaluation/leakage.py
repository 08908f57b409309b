"""Which test images a method has seen in training, as far as anybody can tell."""

from collections.abc import Sequence
from typing import NamedTuple

from drbn_lightning.data.fingerprints import Fingerprint, overlap
from drbn_lightning.evaluation.methods import EvaluatedMethod

RELEASED_UNTIL = 689
"""The last of the LOL numbers, from 1, that the official weights were trained on (released code)."""


class Note(NamedTuple):
    """What is to be said of one method on one data set; `is_warning` where its figures are too good."""

    method: str
    text: str
    is_warning: bool
    seen: int | None
    of: int


def notes(methods: Sequence[EvaluatedMethod], tested: Fingerprint) -> list[Note]:
    """What each method has seen of a test set, by content where its checkpoint says what it was trained on."""
    return [note for method in methods for note in _notes(method, tested)]


def _notes(method: EvaluatedMethod, tested: Fingerprint) -> list[Note]:
    if method.is_baseline:
        return []
    if method.trained_on is None:
        return [_unknown(method, tested)]
    return _seen(method, [Fingerprint.from_dict(fingerprint) for fingerprint in method.trained_on], tested)


def _seen(method: EvaluatedMethod, trained: Sequence[Fingerprint], tested: Fingerprint) -> list[Note]:
    """Compare with everything that the method was trained on or chosen by."""
    overlaps = [(fingerprint.name, overlap(fingerprint, tested)) for fingerprint in trained]
    together = {image for _, names in overlaps for image in names}
    if not together:
        return []
    where = ", ".join(name for name, names in overlaps if names)
    example = next(name for name in tested.names if name in together)
    text = (
        f"{len(together)} of the {tested.count} images of {tested.name} were seen in training ({where}), for "
        f"example {example}; the figures are too good"
    )
    return [Note(method.name, text, True, len(together), tested.count)]


def _unknown(method: EvaluatedMethod, tested: Fingerprint) -> Note:
    """A method that does not say what it was trained on."""
    if "source" not in method.origin:
        text = "what it was trained on is unknown, so whether it has seen these images too"
        return Note(method.name, text, False, None, tested.count)
    text = (
        f"{method.origin['source']} do not say which images they were trained on; by the released code those are "
        f"LOL's numbers 1 to {RELEASED_UNTIL}"
    )
    numbers = _lol_numbers(tested)
    seen = sum(1 <= number <= RELEASED_UNTIL for number in numbers)
    if not numbers:
        return Note(method.name, text, False, None, tested.count)
    return Note(method.name, f"{text}, {seen} of the {tested.count} of {tested.name}", seen > 0, seen, tested.count)


def _lol_numbers(tested: Fingerprint) -> list[int]:
    """The numbers of a test set of real LOL images; none of another data set."""
    if tested.name.partition("/")[0] not in ("v1", "v2_real", "v2_real_89"):
        return []
    digits = ["".join(letter for letter in name if letter.isdecimal()) for name in tested.names]
    return [int(text) for text in digits if text]
