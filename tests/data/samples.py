"""What tests of data modules share: one that is opened, and pairs that are the same."""

from typing import TypeVar

import torch

from drbn_lightning.batches import Pair, PairBatch
from drbn_lightning.data.datamodule import SampleDataModule

Data = TypeVar("Data", bound=SampleDataModule)


def ready(data: Data) -> Data:
    """The data module, prepared and set up for training as a trainer does it."""
    data.prepare_data()
    data.setup("fit")
    return data


def opened(data: Data) -> Data:
    """The same, for testing too."""
    ready(data).setup("test")
    return data


def same_pair(first: Pair | PairBatch, second: Pair | PairBatch) -> bool:
    """Whether two pairs agree in every bit: names, images and the thumbnail of the low-light one."""
    return first[3] == second[3] and all(
        torch.equal(one, other) for one, other in zip(first[:3], second[:3], strict=True)
    )
