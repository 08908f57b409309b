from pathlib import Path

import numpy as np
import pytest

from drbn_lightning.data.datamodule import TEST, TRAINING, VALIDATION
from drbn_lightning.data.unpaired.ratings import Ratings, read_ava
from drbn_lightning.data.unpaired.splits import HIGH, LOW, MIDDLE, in_part, quotas, ranks, rate, roles
from drbn_lightning.errors import DRBNError

NAMES = [f"{number}.jpg" for number in range(200)]


def ratings(*mos: float, votes: list[int] | None = None) -> Ratings:
    counts = None if votes is None else np.array([[count] + [0] * 9 for count in votes])
    return Ratings(NAMES[: len(mos)], np.array(mos), counts)


def test_ranks_are_a_fixed_random_order() -> None:
    rank = ranks(NAMES, "a")
    assert sorted(rank) == list(range(200))
    assert ranks(NAMES[::-1], "a").tolist() == rank[::-1].tolist()
    assert ranks(NAMES, "b").tolist() != rank.tolist()
    assert abs(np.corrcoef(rank, np.arange(200))[0, 1]) < 0.3


def test_roles_have_the_shares_asked_for() -> None:
    role = roles(NAMES, 0.1, 0.25)
    assert [int((role == one).sum()) for one in (TRAINING, VALIDATION, TEST)] == [130, 20, 50]
    assert (roles(NAMES, 0, 0) == TRAINING).all()
    assert (roles(NAMES[:5], 0.01, 0) == VALIDATION).sum() == 1


def test_larger_shares_take_from_training_alone() -> None:
    role = roles(NAMES, 0.1, 0.1)
    for other in (roles(NAMES, 0.3, 0.1), roles(NAMES, 0.1, 0.3)):
        assert (other[role != TRAINING] == role[role != TRAINING]).all()


def test_parts_share_nothing_and_are_all() -> None:
    parts = np.stack([in_part(NAMES, part, 3) for part in range(3)])
    assert (parts.sum(axis=0) == 1).all()
    assert parts.sum(axis=1).tolist() == [67, 67, 66]
    assert in_part(NAMES, 0, 1).all()
    held_out = roles(NAMES, 0.3, 0) == VALIDATION
    assert 10 < (parts[0] & held_out).sum() < 30  # the two orders have nothing to do with each other


def test_kinds_by_score() -> None:
    rated = rate(ratings(3, 4, 5, 6.5, 9, float("nan")), 6.5, 4, 50, "table")
    assert rated.tolist() == [LOW, LOW, MIDDLE, HIGH, HIGH, None]
    assert rate(ratings(3, 7), 6.5, None, 50, "table").tolist() == [MIDDLE, HIGH]
    few = rate(ratings(9, 8, 3, votes=[49, 50, 80]), 6.5, 4, 50, "table")
    assert few.tolist() == [None, HIGH, LOW]


@pytest.mark.parametrize(
    ("high", "low", "min_votes", "message"),
    [
        (4, 4, 0, r"unpaired\.low_mos=4.*unpaired\.high_mos=4"),
        (8.5, 4, 0, r"AVA\.txt.*unpaired\.high_mos=8\.5.*8\.25"),
        (6, 2, 0, r"AVA\.txt.*unpaired\.low_mos=2.*3\.50"),
        (6, 4, 99, r"AVA\.txt.*unpaired\.min_votes=99"),
    ],
)
def test_thresholds_that_nothing_meets(high: float, low: float, min_votes: int, message: str) -> None:
    with pytest.raises(DRBNError, match=message):
        rate(ratings(3.5, 8.25, votes=[60, 60]), high, low, min_votes, "AVA.txt")


@pytest.mark.parametrize(
    ("available", "total", "expected"),
    [
        ({"a": 9, "b": 9, "c": 9}, 9, {"a": 3, "b": 3, "c": 3}),
        ({"a": 1, "b": 0, "c": 90}, 30, {"a": 1, "b": 0, "c": 29}),
        ({"a": 2, "b": 3}, 100, {"a": 2, "b": 3}),
        ({"a": 5, "b": 5}, 0, {"a": 0, "b": 0}),
    ],
)
def test_quotas(available: dict[str, int], total: int, expected: dict[str, int]) -> None:
    assert quotas(available, total) == expected


@pytest.mark.reference
def test_held_out_photos_of_ava_are_of_all_kinds(reference: Path) -> None:
    ratings_of_ava = read_ava(reference / "data" / "ava" / "AVA.txt")
    kinds = rate(ratings_of_ava, 6.5, 4, 50, "AVA.txt")
    assert [int((kinds == kind).sum()) for kind in (HIGH, LOW)] == [3547, 1873]
    role = roles(ratings_of_ava.names, 0.05, 0.05)
    for held_out in (VALIDATION, TEST):
        counts = [int(((kinds == kind) & (role == held_out)).sum()) for kind in (HIGH, LOW, MIDDLE)]
        assert counts[0] > 120
        assert counts[1] > 60
        assert sum(counts) == 2852
