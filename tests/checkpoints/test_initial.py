from pathlib import Path

import pytest
import torch

from drbn_lightning.checkpoints.artifact import header, save
from drbn_lightning.checkpoints.description import NetworkDescription
from drbn_lightning.checkpoints.initial import start_from
from drbn_lightning.errors import DRBNError
from drbn_lightning.networks.drbn import DRBN

SMALL = {"recursions": 2, "base_channels": 4, "growth_rate": 2}
SEEN = [{"name": "v1/train", "count": 1, "identity": "0" * 16}]


def network(seed: int = 0, **changes: object) -> DRBN:
    torch.manual_seed(seed)
    return DRBN(**{**SMALL, **changes})  # type: ignore[arg-type]  # of several types


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    path = tmp_path / "given.pt"
    description = NetworkDescription("drbn_lightning.networks.drbn.DRBN", dict(SMALL))
    save(path, header("band", description, {}, SEEN), network(1).state_dict())
    return path


def test_fills_the_network_and_says_what_it_has_seen(stored: Path) -> None:
    own = network()
    initial = start_from(own, stored, "band")
    assert all(torch.equal(value, network(1).state_dict()[name]) for name, value in own.state_dict().items())
    assert initial.trained_on == SEEN
    assert initial.provenance.keys() == {"identity"}


def test_a_learned_guess_starts_anew_where_parts_are_allowed(stored: Path) -> None:
    own = network(first_guess="learned")
    with pytest.raises(DRBNError, match=r"init=.*given\.pt .*guess\.predictor.*init_partial=true"):
        start_from(own, stored, "band")
    initial = start_from(own, stored, "band", partial=True)
    left = initial.provenance["left_at_start"]
    assert left
    assert all(name.startswith("guess.predictor.") for name in left)
    low = torch.rand(1, 3, 16, 16)
    with torch.inference_mode():
        torch.testing.assert_close(own.eval()(low).full, network(1).eval()(low).full, atol=1e-3, rtol=0)


@pytest.mark.parametrize("partial", [False, True])
@pytest.mark.parametrize("changes", [{"base_channels": 6}, {"growth_rate": 3}])
def test_another_size_is_refused(stored: Path, changes: dict[str, int], partial: bool) -> None:
    with pytest.raises(DRBNError, match=r"init=.*given\.pt"):
        start_from(network(**changes), stored, "band", partial=partial)


def test_another_number_of_recursions_is_refused_but_in_part(stored: Path) -> None:
    with pytest.raises(DRBNError, match=r"blocks\.2"):
        start_from(network(recursions=3), stored, "band")
    assert start_from(network(recursions=3), stored, "band", partial=True).provenance["left_at_start"]


def test_another_stage_and_a_missing_file_are_named(stored: Path) -> None:
    with pytest.raises(DRBNError, match="stage=band"):
        start_from(network(), stored, "recompose")
    with pytest.raises(DRBNError, match=r"nowhere\.pt"):
        start_from(network(), stored.with_name("nowhere.pt"), "band")
