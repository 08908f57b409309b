from typing import Any

import torch

from drbn_lightning.batches import (
    Pair,
    PairBatch,
    Photo,
    PhotoBatch,
    SemiSupervisedBatch,
    SemiSupervisedSample,
    Unpaired,
    UnpairedBatch,
)
from drbn_lightning.data.datamodule import BATCHES, collate


def test_a_sample_has_the_fields_of_its_batch() -> None:
    kinds: dict[Any, Any] = {
        Pair: PairBatch,
        Photo: PhotoBatch,
        Unpaired: UnpairedBatch,
        SemiSupervisedSample: SemiSupervisedBatch,
    }
    assert kinds == BATCHES
    for sample, batch in kinds.items():
        assert sample._fields == batch._fields


def test_samples_are_stacked_within_samples_and_nothing_stays_nothing() -> None:
    image, small = torch.rand(3, 8, 8), torch.rand(3, 48, 48)
    one = SemiSupervisedSample(Pair(image, image, small, "a", small), Unpaired(image, None, image, small))
    other = one._replace(pairs=one.pairs._replace(name="b"))
    batch = collate([one, other])
    assert isinstance(batch, SemiSupervisedBatch)
    assert isinstance(batch.pairs, PairBatch)
    assert batch.pairs.name == ["a", "b"]
    assert batch.pairs.low.shape == (2, 3, 8, 8)
    assert batch.pairs.thumbnail.shape == (2, 3, 48, 48)
    assert batch.unpaired.low_mos is None
