from itertools import chain

import pytest

from drbn_lightning.data.sampling import EpochBatches, Shard
from drbn_lightning.errors import DRBNError


def epoch(length: int, batch_size: int, world_size: int = 1, number: int = 0, seed: int = 0) -> list[list[list[int]]]:
    """The indices of an epoch, by process and step."""
    positions = []
    for rank in range(world_size):
        batches = EpochBatches(length, batch_size, seed, rank, world_size)
        batches.set_epoch(number)
        positions.append([[index for _, index in batch] for batch in batches])
    return positions


@pytest.mark.parametrize(
    ("length", "batch_size", "steps"), [(673, 4, 169), (3365, 4, 842), (8, 4, 2), (3, 4, 1), (7, 4, 2), (5, 4, 2)]
)
def test_no_batch_is_larger_than_asked_for(length: int, batch_size: int, steps: int) -> None:
    (batches,) = epoch(length, batch_size)
    assert len(batches) == len(EpochBatches(length, batch_size, 0)) == steps
    assert max(map(len, batches)) - min(map(len, batches)) <= 1
    assert max(map(len, batches)) <= batch_size


@pytest.mark.parametrize("world_size", [1, 2, 3])
@pytest.mark.parametrize("length", [12, 13, 17, 29])
def test_every_sample_comes_once_over_all_processes(length: int, world_size: int) -> None:
    processes = epoch(length, 4, world_size)
    assert len({len(batches) for batches in processes}) == 1
    assert all(batch for batches in processes for batch in batches)
    assert sorted(chain(*chain(*processes))) == list(range(length))


def test_processes_share_the_batches_of_a_single_one() -> None:
    (alone,), (first, second) = epoch(17, 4), epoch(17, 4, world_size=2)
    assert [a + b for a, b in zip(first, second, strict=True)] == alone


def test_the_order_depends_on_seed_and_epoch_only() -> None:
    assert epoch(50, 4) == epoch(50, 4)
    assert epoch(50, 4) != epoch(50, 4, number=1)
    assert epoch(50, 4) != epoch(50, 4, seed=1)


def test_positions_carry_the_epoch() -> None:
    batches = EpochBatches(6, 2, 0)
    batches.set_epoch(3)
    assert {number for number, _ in chain(*batches)} == {3}


def test_a_resumed_epoch_goes_on_where_it_stopped_and_the_next_is_whole() -> None:
    whole, resumed = EpochBatches(20, 4, 0), EpochBatches(20, 4, 0)
    resumed.resume_at = (0, 2)
    assert list(resumed) == list(whole)[2:]
    resumed.set_epoch(1)
    whole.set_epoch(1)
    assert list(resumed) == list(whole)


def test_refuses_a_process_without_samples() -> None:
    with pytest.raises(DRBNError, match=r"3 processes .*batches of 2.*data\.batch_size"):
        EpochBatches(10, 2, 0, 0, 3)
    with pytest.raises(DRBNError, match=r"4 processes .*batches of 2.*data\.batch_size"):
        EpochBatches(5, 4, 0, 0, 4)


@pytest.mark.parametrize("length", [5, 6, 7])
def test_shards_cover_everything_once(length: int) -> None:
    shards = [list(Shard(length, rank, 2)) for rank in range(2)]
    assert sorted(index for _, index in chain(*shards)) == list(range(length))


def test_a_set_smaller_than_the_group_is_seen_by_all() -> None:
    assert [list(Shard(1, rank, 2)) for rank in range(2)] == [[(0, 0)], [(0, 0)]]


def test_a_held_epoch_comes_again() -> None:
    batches = EpochBatches(8, 2, seed=0)
    first = list(batches)
    batches.hold()
    batches.set_epoch(1)
    assert list(batches) == first
