"""Which test pictures a method has seen in training, as far as anybody can tell."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from drbn_lightning.data.fingerprints import Fingerprint, overlap
from drbn_lightning.inference.contestants import Entrant

RELEASED_UNTIL = 689
"""The last of the LOL numbers, from 1, that the released weights were trained on (released code)."""


class Note(NamedTuple):
    """What is to be said of one method on one data set; `is_warning` where its figures are too good."""

    method: str
    text: str
    is_warning: bool
    seen: int | None
    of: int


def notes(entrants: Sequence[Entrant], tested: Fingerprint) -> list[Note]:
    """What each method has seen of a test set, by content where its checkpoint says what it was trained on."""
    return [note for entrant in entrants for note in _notes(entrant, tested)]


def _notes(entrant: Entrant, tested: Fingerprint) -> list[Note]:
    if entrant.is_baseline:
        return []
    if entrant.trained_on is None:
        return [_unknown(entrant, tested)]
    return [note for about in entrant.trained_on if (note := _seen(entrant, about, tested))]


def _seen(entrant: Entrant, about: dict[str, Any], tested: Fingerprint) -> Note | None:
    """Compare with one training set."""
    trained = Fingerprint.from_dict(about)
    seen = overlap(trained, tested)
    if not seen:
        return None
    text = (
        f"{len(seen)} of the {tested.count} pictures of {tested.name} were seen in training ({trained.name}), for "
        f"example {seen[0]}; the figures are too good"
    )
    return Note(entrant.name, text, True, len(seen), tested.count)


def _unknown(entrant: Entrant, tested: Fingerprint) -> Note:
    """A method that does not say what it was trained on."""
    if "source" not in entrant.about:
        text = "what it was trained on is unknown, so whether it has seen these pictures too"
        return Note(entrant.name, text, False, None, tested.count)
    text = (
        f"{entrant.about['source']} do not say which pictures they were trained on; by the released code those are "
        f"LOL's numbers 1 to {RELEASED_UNTIL}"
    )
    numbers = _lol_numbers(tested)
    seen = sum(1 <= number <= RELEASED_UNTIL for number in numbers)
    if not numbers:
        return Note(entrant.name, text, False, None, tested.count)
    return Note(entrant.name, f"{text}, {seen} of the {tested.count} of {tested.name}", seen > 0, seen, tested.count)


def _lol_numbers(tested: Fingerprint) -> list[int]:
    """The numbers of a test set of real LOL pictures; none of another data set."""
    if tested.name.partition("/")[0] not in ("v1", "v2_real", "v2_real_89"):
        return []
    digits = ["".join(letter for letter in name if letter.isdecimal()) for name in tested.names]
    return [int(text) for text in digits if text]
