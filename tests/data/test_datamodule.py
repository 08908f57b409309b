import pytest

from drbn_lightning.data.paired.synthetic import SyntheticDataModule
from drbn_lightning.data.simulation.camera import LowLightCamera
from drbn_lightning.errors import DRBNError
from tests.data.samples import ready

SMALL = {"length": 6, "scene_size": 24, "crop_size": 12, "validation_scenes": 2, "test_scenes": 3, "test_size": 24}


def module(**changes: int) -> SyntheticDataModule:
    return SyntheticDataModule(LowLightCamera(), **(SMALL | {"num_workers": 0} | changes))


@pytest.mark.parametrize(("key", "value"), [("batch_size", 0), ("num_workers", -1)])
def test_numbers_out_of_range_are_named(key: str, value: int) -> None:
    with pytest.raises(DRBNError, match=rf"data\.{key} is {value}"):
        module(**{key: value})


def test_sets_are_opened_once() -> None:
    data = ready(module())
    before = data.train_set
    data.setup("fit")
    assert data.train_set is before
    assert data.test_set is None
    data.setup("test")
    assert len(data.test_dataloader()) == 3


def test_it_describes_what_was_loaded() -> None:
    data = ready(module())
    (fingerprint,) = data.trained_on()
    assert data.describe() == f"6 pairs for training, 2 for validation (synthetic/train {fingerprint.identity})"


def test_its_state_is_how_far_the_epoch_got() -> None:
    data = module(batch_size=2)
    assert data.state_dict() == {}
    ready(data)
    loader = iter(data.train_dataloader())
    next(loader)
    assert data.state_dict() == {"epoch": 0, "batches": 1}
