from pathlib import Path

import pytest
import torch

from drbn_lightning.baselines.catalog import BASELINES
from drbn_lightning.checkpoints.artifact import Artifact
from drbn_lightning.checkpoints.description import NetworkDescription
from drbn_lightning.checkpoints.enhancement_model import EnhancementModel
from drbn_lightning.errors import DRBNError
from drbn_lightning.evaluation.methods import choose_baselines, chosen_baselines, methods_of, names_of
from drbn_lightning.evaluation.scoring import EvaluationImage, score_images
from drbn_lightning.networks.drbn import DRBN
from drbn_lightning.networks.recomposition import BandRecomposition, FlatRecomposer

CPU = torch.device("cpu")


def test_names_differ_whatever_the_paths_are_called() -> None:
    assert list(names_of(["a/x.pt", "b/x.pt", "y.pt", "c/a/x.pt"])) == ["a/x", "b/x", "y", "a/x #2"]
    assert list(names_of(["x.pt"])) == ["x"]


def stage(name: str, network: torch.nn.Module, trained_on: list[dict[str, object]]) -> Artifact:
    return Artifact(name, network, NetworkDescription("", {}), {"source": "official weights"}, trained_on, {})


def test_a_stage_1_that_takes_part_already_does_not_take_part_twice() -> None:
    torch.manual_seed(0)
    band = DRBN(1, base_channels=2, growth_rate=1)
    recomposer = FlatRecomposer(channels=2, growth_rate=1)
    trained_on: list[dict[str, object]] = [{"name": "v1/train"}]
    parts = {"band": stage("band", band, trained_on), "recompose": stage("recompose", recomposer, [])}
    first = EnhancementModel("band", band, {"band": parts["band"]})
    second = EnhancementModel("recompose", BandRecomposition(band, recomposer), parts)
    identities: set[str] = set()
    alone = methods_of("mine", Path("band.pt"), first, CPU, identities)
    both = methods_of("better", Path("recompose.pt"), second, CPU, identities)
    assert [method.name for method in alone + both] == ["mine", "better"]
    assert both[0].trained_on == trained_on  # what its stage 1 has seen, it has seen
    assert [method.name for method in methods_of("recompose", Path("recompose.pt"), second, CPU, set())] == [
        "band",
        "recompose",
    ]
    assert [method.name for method in methods_of("x", Path("x.pt"), second, CPU, set())] == ["x, stage 1", "x"]
    assert (
        methods_of("x", Path("x.pt"), second._replace(parts={"recompose": parts["recompose"]}), CPU, set())[
            0
        ].trained_on
        is None
    )


def images(*, targets: bool = True) -> list[EvaluationImage]:
    normal = torch.rand(1, 3, 20, 24, generator=torch.Generator().manual_seed(0))
    low = (normal**2 * 255).round() / 255
    return [EvaluationImage("a", "a", low, low.mean()[None], normal if targets else None)]


def test_all_of_them_enhance() -> None:
    methods = choose_baselines(chosen_baselines("all"), images(), has_targets=True)
    assert len(methods) == len(BASELINES)
    assert [method.name for method in methods[:2]] == ["input", "best gamma 0.50"]
    (scored,) = score_images({method.name: method.run for method in methods}, images(), [])
    assert {tuple(result.shape) for result in scored.results.values()} == {(3, 20, 24)}
    assert all(method.is_baseline and method.trained_on == [] and method.origin["about"] for method in methods)


def test_without_targets_nobody_chooses_by_them() -> None:
    methods = choose_baselines(["input", "gamma"], images(targets=False), has_targets=False)
    assert [method.name for method in methods] == ["input"]


def test_an_unknown_one_is_named() -> None:
    assert chosen_baselines("input") == ["input"]
    with pytest.raises(DRBNError, match=r"baselines .*'magic'.*input, gamma, "):
        chosen_baselines(["input", "magic"])
