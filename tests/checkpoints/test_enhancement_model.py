from pathlib import Path

import pytest
import torch

from drbn_lightning.checkpoints.artifact import header, identity, load, save
from drbn_lightning.checkpoints.description import NetworkDescription
from drbn_lightning.checkpoints.enhancement_model import load_model
from drbn_lightning.errors import DRBNError
from drbn_lightning.networks.drbn import DRBN
from drbn_lightning.networks.recomposition import FlatRecomposer, recompose_bands

BAND = {"recursions": 1, "base_channels": 2, "growth_rate": 1}
RECOMPOSER = {"channels": 2, "growth_rate": 1}


def band(path: Path, seed: int = 0, trained_on: list[dict[str, str]] | None = None) -> Path:
    torch.manual_seed(seed)
    description = NetworkDescription("drbn_lightning.networks.drbn.DRBN", BAND)
    save(path, header("band", description, {}, list(trained_on or [])), DRBN(**BAND).state_dict())  # type: ignore[arg-type]
    return path


def recompose(path: Path, needs: Path, trained_on: list[dict[str, str]] | None = None) -> Path:
    torch.manual_seed(9)
    description = NetworkDescription("drbn_lightning.networks.recomposition.FlatRecomposer", RECOMPOSER)
    made = header("recompose", description, {}, list(trained_on or []), {"band": load(needs).reference(needs)})
    save(path, made, FlatRecomposer(**RECOMPOSER).state_dict())  # type: ignore[arg-type]
    return path


def test_stage_1_is_whole_by_itself(tmp_path: Path) -> None:
    model = load_model(band(tmp_path / "mine.pt"))
    assert model.stage == "band"
    assert identity(model.network) == identity(load(tmp_path / "mine.pt").network)


def test_stage_2_finds_the_stage_1_that_it_was_trained_on(tmp_path: Path) -> None:
    first = band(tmp_path / "elsewhere" / "x.pt")
    model = load_model(recompose(tmp_path / "recompose.pt", first))
    low = torch.rand(1, 3, 9, 10)
    with torch.no_grad():
        bands = load(first).network(low)
        expected = recompose_bands(load(tmp_path / "recompose.pt").network, bands, low).image
        assert torch.equal(model.network(low).full, expected)
    assert not model.network.training
    assert set(model.parts) == {"band", "recompose"}


def test_stage_2_finds_it_beside_itself_where_both_have_moved(tmp_path: Path) -> None:
    first = band(tmp_path / "old" / "band.pt")
    second = recompose(tmp_path / "old" / "recompose.pt", first)
    (tmp_path / "old").rename(tmp_path / "new")
    assert load_model(tmp_path / "new" / second.name).stage == "recompose"


def test_stage_2_takes_it_by_name(tmp_path: Path) -> None:
    first = band(tmp_path / "band.pt")
    second = recompose(tmp_path / "two" / "recompose.pt", first)
    first.rename(tmp_path / "renamed.pt")
    assert load_model(second, tmp_path / "renamed.pt").stage == "recompose"


def test_another_stage_1_is_refused(tmp_path: Path) -> None:
    first = band(tmp_path / "band.pt")
    second = recompose(tmp_path / "recompose.pt", first)
    other = band(tmp_path / "other.pt", seed=1)
    with pytest.raises(DRBNError, match=r"recompose\.pt.*other\.pt.*band=PATH"):
        load_model(second, other)
    other.replace(first)
    with pytest.raises(DRBNError, match=r"identity \w{16}"):
        load_model(second)


def test_a_missing_stage_1_is_named(tmp_path: Path) -> None:
    first = band(tmp_path / "gone" / "band.pt")
    second = recompose(tmp_path / "recompose.pt", first)
    first.unlink()
    with pytest.raises(DRBNError, match=r"gone.band\.pt.*band\.pt.*band\.pt"):
        load_model(second)
    with pytest.raises(DRBNError, match=r"nowhere\.pt"):
        load_model(second, tmp_path / "nowhere.pt")


def test_other_stages_enhance_nothing(tmp_path: Path) -> None:
    path = band(tmp_path / "band.pt")
    content = torch.load(path, weights_only=True)
    content["drbn_lightning"]["stage"] = "quality"
    torch.save(content, path)
    with pytest.raises(DRBNError, match="stage=quality"):
        load_model(path)


def test_what_both_stages_were_trained_on_counts_once(tmp_path: Path) -> None:
    pairs, photos = {"name": "pairs"}, {"name": "photos"}
    first = band(tmp_path / "band.pt", trained_on=[pairs])
    assert load_model(recompose(tmp_path / "recompose.pt", first, [pairs, photos])).trained_on == [pairs, photos]


def test_identity_is_that_of_the_bits(tmp_path: Path) -> None:
    network = load(band(tmp_path / "band.pt")).network
    before = identity(network)
    assert identity(network.to(memory_format=torch.channels_last)) == before
    with torch.no_grad():
        next(network.parameters())[0, 0, 0, 0] += 1e-7
    assert identity(network) != before
