from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
import torch.distributed as distributed

from drbn_lightning.batches import PairBatch, PhotoBatch, SemiSupervisedBatch, UnpairedBatch
from drbn_lightning.checkpoints.artifact import identity
from drbn_lightning.errors import DRBNError
from drbn_lightning.losses.adversarial import LogCriterion
from drbn_lightning.networks.discriminator import Discriminator
from drbn_lightning.networks.drbn import DRBN
from drbn_lightning.networks.first_guess import thumbnails_of
from drbn_lightning.networks.global_batch import Part
from drbn_lightning.stages.held_out import KINDS
from drbn_lightning.stages.quality import Group, QualityLearning
from tests.groups import in_group
from tests.running import loader, trainer

SIZE = 16
NAN = float("nan")

pytestmark = pytest.mark.filterwarnings("ignore::pytorch_lightning.utilities.warnings.PossibleUserWarning")


def batch(*, low: bool = True, dark: bool = True) -> UnpairedBatch:
    torch.manual_seed(5)
    high, other = 0.5 + 0.5 * torch.rand(4, 3, SIZE, SIZE), 0.3 * torch.rand(4, 3, SIZE, SIZE)
    thumbnail = thumbnails_of(other)
    high_score, low_score = torch.tensor([9.0, 8.0, 8.5, 7.0]), torch.tensor([1.0, NAN, 3.0, 2.0])
    return UnpairedBatch(
        high,
        other if low else None,
        other if dark else None,
        thumbnail if dark else None,
        high_score,
        low_score if low else None,
    )


def held_out() -> list[PhotoBatch]:
    """Two photos of each kind; the rated ones are the brighter the better."""
    photos = []
    for kind, values in (("high", (8.0, 9.0)), ("low", (2.0, 3.0)), ("middle", (5.0, 6.0)), ("real_low", (NAN, NAN))):
        for number, mos in enumerate(values):
            photo = torch.full((1, 3, SIZE, SIZE), 0.05 if mos != mos else mos / 10)
            photos.append(PhotoBatch(photo, thumbnails_of(photo), torch.tensor([mos]), [kind], [f"{kind}_{number}"]))
    return photos


def stage(**changes: Any) -> QualityLearning:  # noqa: ANN401 of the stage
    torch.manual_seed(7)
    arguments: dict[str, Any] = {
        "network": Discriminator(base_channels=2, normalization="none"),
        "criterion": LogCriterion(),
        "band": DRBN(1, base_channels=4, growth_rate=2),
        "optimizer": lambda groups: torch.optim.Adam(groups, lr=3e-3),
    }
    return QualityLearning(**(arguments | changes))


def fit(
    folder: Path, module: QualityLearning, sample: object, epochs: int = 1, kinds: Sequence[str] = KINDS
) -> pl.Trainer:
    photos = [photo for photo in held_out() if photo.kind[0] in kinds]
    fitted = trainer(folder, max_epochs=epochs)
    fitted.fit(module, loader([sample] * 8), loader(photos))
    return fitted


def test_learns_to_tell_high_mos_photos_from_the_others(tmp_path: Path) -> None:
    module = stage()
    fitted = fit(tmp_path, module, batch(dark=False), epochs=5)
    assert fitted.callback_metrics["val/auroc"] == 1.0
    assert fitted.callback_metrics["train/loss"] < 0.7


def test_stage_1_stays_as_it_is_and_out_of_the_checkpoint(tmp_path: Path) -> None:
    band = DRBN(1, base_channels=4, growth_rate=2)
    before = identity(band)
    fitted = fit(tmp_path, stage(band=band), batch())
    assert identity(band) == before
    assert not band.training
    fitted.save_checkpoint(tmp_path / "run.ckpt")
    names = torch.load(tmp_path / "run.ckpt", weights_only=True)["state_dict"]
    assert {name.split(".")[0] for name in names} == {"network"}


def test_stage_1s_results_are_8_bit_images_without_a_graph() -> None:
    module = stage()
    result = module.enhanced(torch.rand(2, 3, 9, 10), None)
    assert not result.requires_grad
    assert torch.equal((result * 255).round() / 255, result)
    assert 0 <= result.min() <= result.max() <= 1


def test_real_and_fake_images_take_one_pass_where_their_sizes_allow_it() -> None:
    seen: list[int] = []
    module = stage()
    module.network.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    small, large = torch.rand(2, 3, 8, 8), torch.rand(2, 3, 8, 12)
    alone = Part((2,))
    real, fake = module.compare([Group(small, [0, 1])], [Group(small, [0, 1]), Group(small[:1], [1])], alone)
    assert (len(real), len(fake), seen) == (2, 3, [5])
    torch.testing.assert_close(real, module(small))
    torch.testing.assert_close(fake, module(small[[0, 1, 0]]))
    seen.clear()
    real, fake = module.compare([Group(small, [0, 1]), Group(large, [0, 1])], [Group(small, [0, 1])], alone)
    assert (len(real), len(fake), seen) == (4, 2, [2, 2, 2])


@pytest.mark.parametrize(("real", "count"), [("photos", 4), ("targets", 4), ("both", 4 + 4)])
def test_real_images_are_photos_targets_or_both(real: str, count: int, tmp_path: Path) -> None:
    seen: list[int] = []
    module = stage(real_images=real)
    module.network.register_forward_pre_hook(
        lambda network, inputs: seen.append(len(inputs[0])) if network.training else None
    )
    pairs = PairBatch(batch().high_mos, batch().high_mos, torch.rand(4), ["a", "b", "c", "d"])
    fit(tmp_path, module, SemiSupervisedBatch(pairs, batch()))
    assert set(seen) == {count + 4 + 4}


def test_targets_need_pairs(tmp_path: Path) -> None:
    with pytest.raises(DRBNError, match=r"stage\.real_images=targets.*'sources="):
        fit(tmp_path, stage(real_images="targets"), batch())


def test_unknown_real_images_are_refused() -> None:
    with pytest.raises(ValueError, match=r"stage\.real_images .*'mine'.*'photos', 'targets' or 'both'"):
        stage(real_images="mine")


@pytest.mark.parametrize(("share", "enhanced", "dark"), [(1.0, 4, 0), (0.5, 2, 2), (0.3, 2, 2), (0.01, 1, 1)])
def test_stage_1_enhances_a_share_and_as_many_stay_dark(share: float, enhanced: int, dark: int, tmp_path: Path) -> None:
    seen: list[int] = []
    asked: list[int] = []
    module = stage(enhanced_share=share)
    assert module.band is not None
    module.network.register_forward_pre_hook(
        lambda network, inputs: seen.append(len(inputs[0])) if network.training else None
    )
    module.band.network.register_forward_pre_hook(lambda _, inputs: asked.append(len(inputs[0])))
    fit(tmp_path, module, batch())
    assert set(seen) == {4 + 4 + enhanced + dark}
    assert set(asked[:8]) == {enhanced}


@pytest.mark.parametrize("share", [0.0, 1.5])
def test_a_wrong_share_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match=r"stage\.enhanced_share"):
        stage(enhanced_share=share)


@pytest.mark.parametrize(
    ("sample", "changes"), [(batch(low=False, dark=False), {}), (batch(low=False), {"band": None})]
)
def test_nothing_to_compare_with_is_an_error(sample: UnpairedBatch, changes: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(DRBNError, match=r"unpaired\.real_low.*uses\.band"):
        fit(tmp_path, stage(**changes), sample)


def test_goes_without_stage_1(tmp_path: Path) -> None:
    fitted = fit(tmp_path, stage(band=None), batch(dark=False))
    assert "val/auroc_enhanced" not in fitted.callback_metrics
    assert {"val/loss", "val/auroc", "val/spearman"} <= set(fitted.callback_metrics)


@pytest.mark.parametrize(
    ("kinds", "missing"),
    [
        (["low", "middle", "real_low"], "no high-MOS photo"),
        (["high", "middle"], "no low-MOS or enhanced photo"),
    ],
)
def test_a_validation_of_one_side_is_an_error(kinds: list[str], missing: str, tmp_path: Path) -> None:
    with pytest.raises(DRBNError, match=f"val/loss cannot be told: {missing}.*validation_share"):
        fit(tmp_path, stage(), batch(), kinds=kinds)


def test_figures_of_held_out_photos() -> None:
    kinds = torch.tensor([KINDS.index(kind) for kind in ("high", "high", "low", "low", "middle", "real_low")])
    mos = torch.tensor([8.0, 7.0, 2.0, 3.0, 5.0, NAN])
    logits = torch.tensor([3.0, 1.0, -2.0, 2.0, 0.0, 4.0])
    figures = {name: value.item() for name, value in stage().evaluate(logits, mos, kinds).items()}
    assert figures["auroc"] == pytest.approx(0.75)  # 1 of 4 pairs of high and low is the wrong way round
    assert figures["auroc_enhanced"] == 0.0
    ranks = torch.tensor([[4.0, 2.0, 0.0, 3.0, 1.0], [4.0, 3.0, 0.0, 1.0, 2.0]])
    assert figures["spearman"] == pytest.approx(torch.corrcoef(ranks)[0, 1].item(), abs=1e-5)
    expected = LogCriterion().discriminator_loss(logits[:2], logits[[2, 3, 5]])
    assert figures["loss"] == pytest.approx(expected.item())


def test_figures_that_the_photos_cannot_give_are_no_numbers() -> None:
    kinds = torch.tensor([KINDS.index("high"), KINDS.index("real_low")])
    figures = stage().evaluate(torch.tensor([1.0, 0.0]), torch.tensor([NAN, NAN]), kinds)
    assert figures["auroc"].isnan()
    assert figures["spearman"].isnan()
    assert figures["auroc_enhanced"] == 1.0


def test_ways_of_spoiling_never_seen_count_by_themselves() -> None:
    kinds = torch.tensor([KINDS.index(kind) for kind in ("high", "low", *["unseen"] * 4)])
    mos, logits = torch.tensor([7.0, 5.0, 9.0, 8.0, 6.0, 2.0]), torch.tensor([9.0, -9.0, 1.0, 3.0, 7.0, 2.0])
    figures = {name: value.item() for name, value in stage().evaluate(logits, mos, kinds).items()}
    assert figures["spearman"] == pytest.approx(1, abs=1e-4)
    assert figures["auroc"] == 1
    assert figures["auroc_unseen"] == 0.5  # of 9 and 8 against 2; 6 is neither
    assert figures["spearman_unseen"] == pytest.approx(-0.4, abs=1e-4)  # the order 1 3 4 2 of 4 3 2 1
    none = stage().evaluate(logits[:2], mos[:2], kinds[:2])
    assert none["auroc_unseen"].isnan()
    assert none["spearman_unseen"].isnan()


@pytest.mark.slow
def test_ranking_orders_good_photos_among_themselves(tmp_path: Path) -> None:
    """Of good photos the red ones are better than the blue ones; what is good or bad alone says nothing of it."""
    torch.manual_seed(3)
    tint = torch.tensor([0.1, 0, -0.1]).view(3, 1, 1) * torch.tensor([1, 1, -1, -1]).view(4, 1, 1, 1)
    good = 0.7 + tint + 0.05 * torch.rand(4, 3, SIZE, SIZE)
    scores = torch.tensor([9.0, 9, 7, 7])
    sample = UnpairedBatch(good, good - 0.4, None, None, scores, scores - 6)
    margin = {}
    for weight in (0.0, 5.0):
        module = stage(band=None, ranking_weight=weight)
        fitted = fit(tmp_path / str(weight), module, sample, epochs=12, kinds=("high", "low", "middle"))
        with torch.no_grad():
            margin[weight] = float((module(good[:2]) - module(good[2:])).mean())
        assert ("train/ranking" in fitted.callback_metrics) is bool(weight)
    assert margin[5.0] > 1 + 2 * abs(margin[0.0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ranking_weight": -1.0}, "ranking_weight is -1"),
        ({"real_images": "targets", "ranking_weight": 1.0}, "targets"),
    ],
)
def test_a_ranking_that_cannot_be(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        stage(**changes)


def test_a_ranking_needs_low_mos_photos(tmp_path: Path) -> None:
    with pytest.raises(DRBNError, match=r"stage\.ranking_weight needs low-MOS photos"):
        fit(tmp_path, stage(ranking_weight=1.0), batch(low=False))


@pytest.mark.parametrize("scores", [None, torch.full((4,), NAN)])
def test_a_ranking_needs_scores(scores: torch.Tensor | None, tmp_path: Path) -> None:
    unrated = batch()._replace(high_score=scores, low_score=scores)
    with pytest.raises(DRBNError, match=r"stage\.ranking_weight needs .* scores of photos"):
        fit(tmp_path, stage(ranking_weight=1.0), unrated)


SHARES = (3, 1)


def ranking_of_a_part(rank: int) -> dict[str, torch.Tensor]:
    """Loss and gradients of the ranking for one process's part of the batch; of all of it in a single process."""
    module, whole = stage(band=None, ranking_weight=1.0), batch(dark=False)
    assert whole.low_mos is not None
    assert whole.high_score is not None
    assert whole.low_score is not None
    if distributed.is_initialized():
        own = slice(sum(SHARES[:rank]), sum(SHARES[: rank + 1]))
        whole = UnpairedBatch(
            whole.high_mos[own], whole.low_mos[own], None, None, whole.high_score[own], whole.low_score[own]
        )
    losses = list[torch.Tensor]()
    module.log = module.log_dict = module.log_loss = lambda *_, **__: None  # type: ignore[method-assign, assignment]
    losses.append(module.training_step(whole, 0))
    torch.autograd.backward(losses)
    gradients = {name: p.grad for name, p in module.network.named_parameters() if p.grad is not None}
    return {"loss": losses[0].detach()} | gradients


@pytest.mark.slow
def test_two_processes_rank_as_one_does(tmp_path: Path) -> None:
    first, second = in_group(ranking_of_a_part, tmp_path)
    alone = ranking_of_a_part(0)
    torch.testing.assert_close(first["loss"], alone["loss"])
    torch.testing.assert_close(second["loss"], alone["loss"])
    for name in alone.keys() - {"loss"}:
        torch.testing.assert_close((first[name] + second[name]) / 2, alone[name], rtol=1e-4, atol=1e-6)
