import math
from collections.abc import Iterator

import pytest
import torch

from drbn_lightning.baselines.catalog import (
    AUTO_MEAN,
    BASELINES,
    GAMMAS,
    GammaSearch,
    auto_gamma,
    build_baselines,
    clahe,
    gamma_curve,
)
from drbn_lightning.batches import PairBatch
from drbn_lightning.errors import DRBNError
from drbn_lightning.metrics.pixels import luminance
from drbn_lightning.metrics.psnr import psnr
from drbn_lightning.networks.first_guess import thumbnails_of
from drbn_lightning.types import Method


def pair(seed: int, gamma: float, height: int = 9, width: int = 13, count: int = 1) -> PairBatch:
    """8-bit images whose targets are nearly a gamma curve of them."""
    generator = torch.Generator().manual_seed(seed)
    low = torch.randint(0, 200, (count, 3, height, width), generator=generator) / 255
    noise = 0.05 * torch.randn(low.shape, generator=generator)
    normal = ((low**gamma + noise).clamp(0, 1) * 255).round() / 255
    return PairBatch(low, normal, thumbnails_of(low), [f"{seed}_{row}" for row in range(count)])


def means(batches: list[PairBatch]) -> list[float]:
    """Mean PSNR of every gamma by trying it."""
    return [
        torch.cat([psnr(gamma_curve(batch.low, gamma), batch.normal) for batch in batches]).mean().item()
        for gamma in GAMMAS
    ]


@pytest.mark.parametrize("seed", range(5))
def test_the_search_finds_what_trying_every_gamma_finds(seed: int) -> None:
    batches = [pair(10 * seed + n, 0.2 + 0.15 * n + 0.1 * seed, height=9 + n) for n in range(4)]
    search = GammaSearch()
    for batch in batches:
        search.add(batch)
    tried = means(batches)
    assert search.best() == GAMMAS[max(range(len(GAMMAS)), key=tried.__getitem__)]
    assert (search._sum / search._count).tolist() == pytest.approx(tried, abs=1e-3)


def test_a_batch_counts_as_its_images() -> None:
    whole, single = GammaSearch(), GammaSearch()
    batch = pair(0, 0.5, count=3)
    whole.add(batch)
    for row in range(3):
        one = slice(row, row + 1)
        single.add(PairBatch(batch.low[one], batch.normal[one], batch.thumbnail[one], batch.name[one]))
    assert torch.equal(whole._sum, single._sum)
    assert whole._count == single._count == 3


@pytest.mark.parametrize("gamma", [GAMMAS[0], 0.35, 1.0, GAMMAS[-1]])
def test_finds_the_gamma_that_made_the_target_and_survives_no_error_at_all(gamma: float) -> None:
    low = torch.arange(256).float().div(255).view(1, 1, 16, 16).expand(1, 3, 16, 16)
    search = GammaSearch()
    search.add(PairBatch(low, (gamma_curve(low, gamma) * 255).round() / 255, low.mean()[None], ["ramp"]))
    assert search.best() == gamma
    assert math.isfinite(search._sum.max().item())


def test_the_gammas_are_a_grid_of_twentieths() -> None:
    assert (GAMMAS[0], GAMMAS[-1], len(GAMMAS)) == (0.05, 2.0, 40)


def test_a_curve_keeps_black_and_white_and_cuts_what_lies_beyond() -> None:
    curve = gamma_curve(torch.tensor([-0.5, 0.0, 0.25, 1.0, 1.5]), 0.5)
    assert curve.tolist() == [0.0, 0.0, 0.5, 1.0, 1.0]


def every_method() -> dict[str, Method]:
    return build_baselines(list(BASELINES), [pair(0, 0.5)])


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (7, 3), (8, 8), (15, 16), (16, 17), (33, 50)])
def test_every_baseline_takes_any_size(size: tuple[int, int]) -> None:
    low = 0.3 * torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
    for name, method in every_method().items():
        result = method(low, thumbnails_of(low))
        assert result.shape == low.shape, name
        assert result.isfinite().all(), name


@pytest.mark.parametrize("value", [0.0, 0.1, 1.0])
def test_every_baseline_leaves_an_even_image_even(value: float) -> None:
    low = torch.full((1, 3, 20, 24), value)
    for name, method in every_method().items():
        result = method(low, thumbnails_of(low))
        assert result.isfinite().all(), name
        assert result.amax() - result.amin() < 1e-3, name
        if value in (0, 1) and name != "clahe":  # which knows no black: the levels of a tile decide
            assert torch.allclose(result, low, atol=1e-3), name


@pytest.mark.parametrize("name", ["auto_gamma", "clahe", "msr", "lime"])
def test_every_method_that_sees_no_target_brightens_a_dark_image(name: str) -> None:
    low = pair(3, 0.5, 40, 56).low * 0.15
    (method,) = build_baselines([name], []).values()
    result = method(low, thumbnails_of(low))
    assert result.mean() > 2 * low.mean()
    assert result.min() >= 0
    assert result.max() <= 1


def test_auto_gamma_gives_every_image_the_same_mean() -> None:
    low = torch.cat([0.1 * pair(0, 1).low, pair(1, 1).low])
    means = luminance(auto_gamma(low, thumbnails_of(low))).mean(dim=(1, 2, 3))
    assert means.tolist() == pytest.approx([AUTO_MEAN] * 2, abs=1e-4)


def test_clahe_equalises_the_lightness_and_keeps_gray_gray() -> None:
    ramp = torch.linspace(0.0, 0.2, 64).view(1, 1, 1, 64).expand(1, 3, 64, 64)
    result = clahe(ramp, thumbnails_of(ramp))
    assert result.amax() > 1.8 * ramp.amax()
    assert (result.amax(dim=1) - result.amin(dim=1)).max() < 0.01


def test_baselines_come_under_their_names_and_the_best_gamma_says_which() -> None:
    pairs = [pair(n, 0.35) for n in range(3)]
    search = GammaSearch()
    for batch in pairs:
        search.add(batch)
    methods = build_baselines(["lime", "gamma", "input"], pairs)
    assert list(methods) == ["lime", f"best gamma {search.best():.2f}", "input"]
    low = pairs[0].low
    assert torch.equal(methods["input"](low, pairs[0].thumbnail), low)
    assert torch.equal(
        methods[f"best gamma {search.best():.2f}"](low, pairs[0].thumbnail), gamma_curve(low, search.best())
    )


def test_only_the_best_gamma_looks_at_the_pairs() -> None:
    def forbidden() -> Iterator[PairBatch]:
        raise AssertionError("nobody may look")
        yield

    names = [name for name, baseline in BASELINES.items() if not baseline.needs_pairs]
    assert list(build_baselines(names, forbidden())) == names == [name for name in BASELINES if name != "gamma"]


def test_an_unknown_baseline_is_named_with_the_known_ones() -> None:
    with pytest.raises(DRBNError, match=r"'retinexnet'.*gamma, auto_gamma, clahe, msr, lime"):
        build_baselines(["input", "retinexnet"], [])
