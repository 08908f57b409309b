from pathlib import Path

import pytest
import torch

from drbn_lightning.networks.checkpoint import load
from drbn_lightning.networks.drbn import DRBN
from drbn_lightning.networks.released import RELEASED_ARGUMENTS, import_released, is_released, name_map
from tests.golden import released_band_state


def test_every_name_and_shape_has_its_place() -> None:
    ours = DRBN(**RELEASED_ARGUMENTS).state_dict()
    names, released = name_map(), released_band_state()
    assert len(set(names.values())) == len(names) == len(ours)
    assert set(names.values()) == set(ours)
    assert {names[theirs]: tensor.shape for theirs, tensor in released.items()} == {
        name: tensor.shape for name, tensor in ours.items()
    }


def test_tensors_go_where_their_names_say() -> None:
    released = released_band_state()
    imported = import_released(released)
    assert imported["blocks.2.half_up.layers.3.bias"] is released["recur3.RDBs.4.convs.3.conv.0.bias"]
    assert imported["blocks.0.from_quarter.weight"] is released["recur1.Up2.weight"]
    DRBN(**RELEASED_ARGUMENTS).load_state_dict(imported)


def test_the_prefix_of_data_parallel_is_accepted() -> None:
    released = released_band_state()
    parallel = {f"module.{name}": tensor for name, tensor in released.items()}
    assert is_released(parallel)
    assert import_released(parallel).keys() == import_released(released).keys()


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(KeyError, match=r"recur5\.SFENet1\.weight"):
        import_released(released_band_state() | {"recur5.SFENet1.weight": torch.zeros(1)})


def test_other_networks_are_not_mistaken_for_it() -> None:
    released = released_band_state()
    assert is_released(released)
    assert not is_released({})
    assert not is_released(DRBN(**RELEASED_ARGUMENTS).state_dict())
    assert not is_released({name: released[name] for name in list(released)[1:]})
    assert not is_released(released | {"recur5.SFENet1.weight": torch.zeros(1)})


@pytest.mark.reference
def test_the_released_weights_load_as_stage_1(reference: Path) -> None:
    path = reference / "reference" / "official_stage1.pt"
    artifact = load(path, "band")
    raw = torch.load(path, map_location="cpu", weights_only=True)
    own = artifact.network.state_dict()
    assert artifact.stage == "band"
    assert not artifact.network.training
    assert len(own) == len(raw) == 336
    for theirs, ours in name_map().items():
        assert torch.equal(own[ours], raw.get(theirs, raw.get(f"module.{theirs}")))
    rebuilt = artifact.description.build()
    rebuilt.load_state_dict(own)
