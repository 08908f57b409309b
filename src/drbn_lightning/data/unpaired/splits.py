"""Which photos are high-MOS and low-MOS, which are held out, and which of several networks may see them.

Everything hangs on hashes of names, so it is the same for every seed, threshold and machine, and whether or not the
photos themselves are there.
"""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from drbn_lightning.data.datamodule import TEST, TRAINING, VALIDATION
from drbn_lightning.data.unpaired.ratings import Ratings
from drbn_lightning.errors import DRBNError

HIGH, LOW, MIDDLE, REAL_LOW, UNSEEN = "high", "low", "middle", "real_low", "unseen"
KINDS = (HIGH, LOW, MIDDLE, REAL_LOW, UNSEEN)
"""What a photo is in a `PhotoBatch`."""

_HOLD_OUT, _DEAL = "hold out", "deal out"  # salts of two orders that have nothing to do with each other


def ranks(names: Sequence[str], salt: str) -> NDArray[np.intp]:
    """Rank names by their salted hashes, in `(N,)`: a random order that depends on nothing but the names."""
    hashes = [hashlib.sha256(f"{salt}/{name}".encode(errors="surrogateescape")).digest() for name in names]
    order = sorted(range(len(names)), key=lambda number: (hashes[number], names[number]))
    rank = np.empty(len(names), np.intp)
    rank[order] = np.arange(len(names))
    return rank


def roles(names: Sequence[str], validation: float, test: float) -> NDArray[np.intp]:
    """Hold photos out for good: TRAINING, VALIDATION or TEST for each name, `(N,)`.

    Test photos come from one end of the random order and validation photos from the other, so a share that grows takes
    from training alone. A share above 0 holds out at least one photo.

    Args:
        names: all photos there may be, not only those that are there or fit for a purpose.
        validation: share for validation, from 0; both together below 1.
        test: share for testing, from 0.
    """
    count = len(names)
    validation_count, test_count = (max(round(share * count), int(share > 0)) for share in (validation, test))
    rank = ranks(names, _HOLD_OUT)
    role = np.full(count, TRAINING, np.intp)
    role[rank >= count - validation_count] = VALIDATION
    role[rank < test_count] = TEST
    return role


def in_part(names: Sequence[str], part: int, parts: int) -> NDArray[np.bool_]:
    """Say which photos belong to one of several equal parts that share none, `(N,)`.

    Args:
        names: all photos there may be.
        part: number of the part, from 0.
        parts: how many there are.
    """
    if parts == 1:
        return np.ones(len(names), np.bool_)
    mine: NDArray[np.bool_] = ranks(names, _DEAL) % parts == part
    return mine


def rate(ratings: Ratings, high: float, low: float | None, min_votes: int, table: str) -> NDArray[np.object_]:
    """Sort rated photos into HIGH, LOW and MIDDLE, `(N,)`; None for those with too few votes to say.

    Args:
        ratings: what people think.
        high: a photo is HIGH from this score on.
        low: a photo is LOW up to this score; None calls none so.
        min_votes: votes that a score takes. It counts only where the table has votes.
        table: name of the table, for messages.

    Raises:
        DRBNError: `low` is not below `high`, no photo has enough votes, or none is HIGH or LOW.
    """
    if low is not None and not low < high:
        raise DRBNError(f"unpaired.low_mos={low} must be below unpaired.high_mos={high}")
    rated = enough_votes(ratings, min_votes)
    if not rated.any():
        raise DRBNError(f"no photo of {table} has unpaired.min_votes={min_votes} votes; ask for fewer")
    best, worst = float(ratings.mos[rated].max()), float(ratings.mos[rated].min())
    if best < high:
        raise DRBNError(f"no photo of {table} reaches unpaired.high_mos={high}; the highest score is {best:.2f}")
    if low is not None and worst > low:
        raise DRBNError(f"no photo of {table} is as low as unpaired.low_mos={low}; the lowest score is {worst:.2f}")
    kinds = np.full(len(ratings.names), None, np.object_)
    kinds[rated] = MIDDLE
    kinds[rated & (ratings.mos >= high)] = HIGH
    if low is not None:
        kinds[rated & (ratings.mos <= low)] = LOW
    return kinds


def enough_votes(ratings: Ratings, min_votes: int) -> NDArray[np.bool_]:
    """Say which photos have a score that enough people voted for, `(N,)`."""
    rated = ~np.isnan(ratings.mos)
    return rated if ratings.votes is None else rated & (ratings.votes.sum(axis=1) >= min_votes)


def quotas(available: Mapping[str, int], total: int) -> dict[str, int]:
    """Deal a number out to kinds as evenly as each one's stock allows.

    Example:
        >>> quotas({"high": 9, "low": 2, "middle": 50}, 12)
        {'low': 2, 'high': 5, 'middle': 5}
    """
    shares: dict[str, int] = {}
    for kind, stock in sorted(available.items(), key=lambda item: item[1]):
        shares[kind] = min(stock, (total - sum(shares.values())) // (len(available) - len(shares)))
    return shares
