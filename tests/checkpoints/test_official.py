from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from drbn_lightning.checkpoints.artifact import load
from drbn_lightning.checkpoints.official import (
    RELEASED_ARGUMENTS,
    RELEASED_RECOMPOSER_ARGUMENTS,
    import_official,
    name_map,
    recognise,
    recomposer_name_map,
)
from drbn_lightning.metrics.psnr import psnr
from drbn_lightning.metrics.ssim import ssim
from drbn_lightning.networks.drbn import DRBN
from drbn_lightning.networks.recomposition import BandRecomposition, FlatRecomposer
from tests.golden import released_band_state, released_recomposer_state


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
    imported = import_official(released)
    assert imported["blocks.2.half_up.layers.3.bias"] is released["recur3.RDBs.4.convs.3.conv.0.bias"]
    assert imported["blocks.0.from_quarter.weight"] is released["recur1.Up2.weight"]
    DRBN(**RELEASED_ARGUMENTS).load_state_dict(imported)


def test_every_name_and_shape_of_the_recomposer_has_its_place() -> None:
    ours = FlatRecomposer(**RELEASED_RECOMPOSER_ARGUMENTS).state_dict()
    names, released = recomposer_name_map(), released_recomposer_state()
    assert len(set(names.values())) == len(names) == len(ours)
    assert set(names.values()) == set(ours)
    assert {names[theirs]: tensor.shape for theirs, tensor in released.items()} == {
        name: tensor.shape for name, tensor in ours.items()
    }
    imported = import_official(released)
    assert imported["block.layers.3.bias"] is released["RDBs.0.convs.3.conv.0.bias"]
    assert imported["head.1.weight"] is released["UPNet2.weight"]


@pytest.mark.parametrize("released", [released_band_state(), released_recomposer_state()])
def test_the_prefix_of_data_parallel_is_accepted(released: dict[str, Tensor]) -> None:
    parallel = {f"module.{name}": tensor for name, tensor in released.items()}
    assert recognise(parallel) == recognise(released) is not None
    assert import_official(parallel).keys() == import_official(released).keys()


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(KeyError, match=r"recur5\.SFENet1\.weight"):
        import_official(released_band_state() | {"recur5.SFENet1.weight": torch.zeros(1)})


@pytest.mark.parametrize(
    ("released", "stage", "kind"),
    [(released_band_state(), "band", DRBN), (released_recomposer_state(), "recompose", FlatRecomposer)],
)
def test_other_networks_are_not_mistaken_for_it(released: dict[str, Tensor], stage: str, kind: type[nn.Module]) -> None:
    recognised = recognise(released)
    assert recognised is not None
    assert recognised.stage == stage
    assert recognised.target == f"{kind.__module__}.{kind.__qualname__}"
    assert recognise({}) is None
    assert recognise(kind().state_dict()) is None
    assert recognise({name: released[name] for name in list(released)[1:]}) is None
    assert recognise(released | {"recur5.SFENet1.weight": torch.zeros(1)}) is None


def test_both_stages_in_one_file_are_neither() -> None:
    assert recognise(released_band_state() | released_recomposer_state()) is None


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


@pytest.mark.reference
def test_the_released_weights_load_as_stage_2(reference: Path) -> None:
    path = reference / "reference" / "official_stage2_recompose.pt"
    artifact = load(path, "recompose")
    raw = torch.load(path, map_location="cpu", weights_only=True)
    own = artifact.network.state_dict()
    assert len(own) == len(raw) == 22
    assert all(torch.equal(own[ours], raw[theirs]) for theirs, ours in recomposer_name_map().items())
    artifact.description.build().load_state_dict(own)


def lol_image(path: Path) -> Tensor:
    with Image.open(path) as file:
        return torch.from_numpy(np.array(file.convert("RGB"))).permute(2, 0, 1)[None].float() / 255


@pytest.mark.reference
@pytest.mark.parametrize(
    ("name", "quality", "likeness"),
    [("748", 22.479, 0.8225), pytest.param("778", 16.393, 0.6108, marks=pytest.mark.slow)],
)
@torch.no_grad()
def test_the_released_stages_score_what_they_should(
    reference: Path, name: str, quality: float, likeness: float
) -> None:
    # Over all 89 pairs of v2_real_89 it is 18.67 dB and 0.7784, as the released code scores.
    stages = [load(reference / "reference" / f"official_{stage}.pt") for stage in ("stage1", "stage2_recompose")]
    network = BandRecomposition(stages[0].network, stages[1].network)
    folder = reference / "data" / "lol-v1" / "eval15"
    low, normal = (lol_image(folder / kind / f"{name}.webp") for kind in ("low", "high"))
    result = network(low).full
    assert psnr(result, normal).item() == pytest.approx(quality, abs=0.005)
    assert ssim(result, normal).item() == pytest.approx(likeness, abs=0.0005)
