import warnings

import pytest
import torch
from torch import Tensor

from drbn_lightning.metrics.ranking import auroc, spearman


def counted(scores: Tensor, positive: Tensor) -> float:
    """AUROC by its definition, pair by pair."""
    pairs = [(p, n) for p in scores[positive].tolist() for n in scores[~positive].tolist()]
    return sum(1.0 if p > n else 0.5 if p == n else 0.0 for p, n in pairs) / len(pairs)


def mean_ranks(values: Tensor) -> Tensor:
    below = (values[None] < values[:, None]).sum(dim=1)
    same = (values[None] == values[:, None]).sum(dim=1)
    return below + (same + 1) / 2


def correlated(first: Tensor, second: Tensor) -> float:
    """Spearman's correlation by its definition: Pearson's of the mean ranks."""
    return torch.corrcoef(torch.stack([mean_ranks(first), mean_ranks(second)]).double())[0, 1].item()


def photos(seed: int, count: int = 50, levels: int = 12) -> tuple[Tensor, Tensor, Tensor]:
    """Scores with many ties, classes and MOS."""
    rng = torch.Generator().manual_seed(seed)
    scores = torch.randint(-levels, levels, (count,), generator=rng) * 1.5
    mos = (0.3 * scores + 4 * torch.randn(count, generator=rng)).round() / 4 + 5
    return scores, mos > 5, mos


@pytest.mark.parametrize("seed", range(5))
def test_auroc_is_the_share_of_pairs_in_order(seed: int) -> None:
    scores, positive, _ = photos(seed)
    assert auroc(scores, positive).item() == pytest.approx(counted(scores, positive), abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_spearman_is_the_correlation_of_mean_ranks(seed: int) -> None:
    scores, _, mos = photos(seed)
    assert spearman(scores, mos).item() == pytest.approx(correlated(scores, mos), abs=1e-5)


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1.0, 1e3, 1e30])
def test_only_the_order_counts(scale: float) -> None:
    scores, positive, mos = photos(7)
    assert auroc(scores * scale, positive) == auroc(scores, positive)
    assert spearman(scores * scale, mos) == spearman(scores, mos)
    assert auroc(scores.double().sigmoid(), positive) == auroc(scores, positive)


def test_large_logits_do_not_become_ties() -> None:
    scores, positive = torch.tensor([100.0, 90.0, 80.0, 70.0]), torch.tensor([True, True, False, False])
    assert auroc(scores, positive).item() == 1.0
    assert auroc(-scores, positive).item() == 0.0


def test_equal_scores_tell_nothing() -> None:
    assert auroc(torch.full((4,), 3.0), torch.tensor([True, False, False, True])).item() == 0.5


def test_infinite_scores_have_their_place() -> None:
    scores = torch.tensor([torch.inf, 1.0, -torch.inf])
    assert auroc(scores, torch.tensor([1, 1, 0])).item() == 1.0
    assert spearman(scores, torch.tensor([9, 5, 2])).item() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("positive", [[True, True], [False, False], [True], []])
def test_auroc_needs_both_classes(positive: list[bool]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert auroc(torch.arange(float(len(positive))), torch.tensor(positive, dtype=torch.bool)).isnan()


@pytest.mark.parametrize(
    ("scores", "mos"),
    [([], []), ([1.0], [2.0]), ([1.0, 1.0], [2.0, 3.0]), ([1.0, 2.0], [3.0, 3.0]), ([1.0, torch.nan], [1.0, 2.0])],
)
def test_spearman_needs_two_images_that_differ(scores: list[float], mos: list[float]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert spearman(torch.tensor(scores), torch.tensor(mos)).isnan()


def test_a_score_that_is_no_number_spoils_the_figure() -> None:
    scores = torch.tensor([1.0, torch.nan, 2.0])
    assert auroc(scores, torch.tensor([True, False, False])).isnan()
    assert spearman(torch.arange(3.0), scores).isnan()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16, torch.int64])
def test_takes_scores_of_any_kind_and_gives_float32_scalars(dtype: torch.dtype) -> None:
    scores, positive = torch.tensor([3, 1, 2, 5]).to(dtype), torch.tensor([True, False, True, True])
    for figure in (auroc(scores, positive), spearman(scores, torch.tensor([6.0, 2.0, 3.0, 9.0]))):
        assert figure.shape == ()
        assert figure.dtype is torch.float32
        assert figure.item() == pytest.approx(1.0, abs=1e-5)
    assert auroc(scores, positive.logical_not().logical_and(positive)).dtype is torch.float32


def test_refuses_other_shapes() -> None:
    for first, second in ((torch.zeros(3), torch.zeros(2)), (torch.zeros(2, 2), torch.zeros(2, 2))):
        with pytest.raises(ValueError, match="shapes"):
            auroc(first, second)
        with pytest.raises(ValueError, match="shapes"):
            spearman(first, second)
