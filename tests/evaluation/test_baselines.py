import pytest
import torch

from drbn_lightning.baselines.catalog import BASELINES
from drbn_lightning.errors import DRBNError
from drbn_lightning.evaluation.baselines import choose_baselines, chosen_baselines
from drbn_lightning.evaluation.scoring import EvaluationImage, score_images


def images(*, targets: bool = True) -> list[EvaluationImage]:
    normal = torch.rand(1, 3, 20, 24, generator=torch.Generator().manual_seed(0))
    low = (normal**2 * 255).round() / 255
    return [EvaluationImage("a", "a", low, low.mean()[None], normal if targets else None)]


def test_all_of_them_enhance() -> None:
    found = choose_baselines(chosen_baselines("all"), images(), has_targets=True)
    assert len(found) == len(BASELINES)
    assert [one.name for one in found[:2]] == ["input", "best gamma 0.50"]
    (scored,) = score_images({one.name: one.run for one in found}, images(), [])
    assert {tuple(result.shape) for result in scored.results.values()} == {(3, 20, 24)}
    assert all(one.is_baseline and one.trained_on == [] and one.about["about"] for one in found)


def test_without_targets_nobody_chooses_by_them() -> None:
    found = choose_baselines(["input", "gamma"], images(targets=False), has_targets=False)
    assert [one.name for one in found] == ["input"]


def test_an_unknown_one_is_named() -> None:
    assert chosen_baselines("input") == ["input"]
    with pytest.raises(DRBNError, match=r"baselines .*'magic'.*input, gamma, "):
        chosen_baselines(["input", "magic"])
