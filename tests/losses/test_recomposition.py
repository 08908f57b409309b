import pytest
import torch

from drbn_lightning.losses.band import ssim
from drbn_lightning.losses.recomposition import RecompositionLoss


def images(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    return tuple(torch.rand(2, 1, 3, 16, 16, generator=torch.Generator().manual_seed(seed)).unbind())  # type: ignore[return-value]  # two


def test_each_term_has_its_weight() -> None:
    result, target = images()
    loss = RecompositionLoss(2.0, 3.0, 5.0, 7.0, perceptual=lambda a, b: (a - b).square().mean())
    fidelity = loss.fidelity(result, target)
    torch.testing.assert_close(fidelity["detail"], -2 * ssim(result, target))
    torch.testing.assert_close(fidelity["perceptual"], 3 * (result - target).square().mean())
    torch.testing.assert_close(loss.quality(torch.tensor(0.4))["quality"], torch.tensor(2.0))
    torch.testing.assert_close(loss.loyalty(result, target)["structure"], -7 * ssim(result, target))


def test_terms_without_a_weight_are_left_out() -> None:
    result, target = images()
    loss = RecompositionLoss(perceptual_weight=0.0, structure_weight=0.0, perceptual=lambda a, b: a.mean())
    assert loss.fidelity(result, target).keys() == {"detail"}
    assert loss.loyalty(result, target) == {}
    assert RecompositionLoss(perceptual={}).perceptual is None  # type: ignore[arg-type]  # what a configuration has


@pytest.mark.parametrize("name", ["detail", "perceptual", "quality", "structure"])
def test_a_negative_weight_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"stage\.loss"):
        RecompositionLoss(**{f"{name}_weight": -0.1})  # type: ignore[arg-type]  # weights only
