import math

import pytest
import torch

from drbn_lightning.baselines.gamma import AUTO_MEAN, GAMMAS, GammaSearch, auto_gamma, gamma_curve
from drbn_lightning.batches import PairBatch
from drbn_lightning.metrics.pixels import luminance
from drbn_lightning.metrics.psnr import psnr
from drbn_lightning.networks.first_guess import thumbnails_of
from tests.baselines.given import pair


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
        search.add(batch.low, batch.normal)
    tried = means(batches)
    assert search.best() == GAMMAS[max(range(len(GAMMAS)), key=tried.__getitem__)]
    assert (search._sum / search._count).tolist() == pytest.approx(tried, abs=1e-3)


def test_a_batch_counts_as_its_images() -> None:
    whole, single = GammaSearch(), GammaSearch()
    batch = pair(0, 0.5, count=3)
    whole.add(batch.low, batch.normal)
    for row in range(3):
        one = slice(row, row + 1)
        single.add(batch.low[one], batch.normal[one])
    assert torch.equal(whole._sum, single._sum)
    assert whole._count == single._count == 3


@pytest.mark.parametrize("gamma", [GAMMAS[0], 0.35, 1.0, GAMMAS[-1]])
def test_finds_the_gamma_that_made_the_target_and_survives_no_error_at_all(gamma: float) -> None:
    low = torch.arange(256).float().div(255).view(1, 1, 16, 16).expand(1, 3, 16, 16)
    search = GammaSearch()
    search.add(low, (gamma_curve(low, gamma) * 255).round() / 255)
    assert search.best() == gamma
    assert math.isfinite(search._sum.max().item())


def test_the_gammas_are_a_grid_of_twentieths() -> None:
    assert (GAMMAS[0], GAMMAS[-1], len(GAMMAS)) == (0.05, 2.0, 40)


def test_a_curve_keeps_black_and_white_and_cuts_what_lies_beyond() -> None:
    curve = gamma_curve(torch.tensor([-0.5, 0.0, 0.25, 1.0, 1.5]), 0.5)
    assert curve.tolist() == [0.0, 0.0, 0.5, 1.0, 1.0]


def test_auto_gamma_gives_every_image_the_same_mean() -> None:
    low = torch.cat([0.1 * pair(0, 1).low, pair(1, 1).low])
    means = luminance(auto_gamma(low, thumbnails_of(low))).mean(dim=(1, 2, 3))
    assert means.tolist() == pytest.approx([AUTO_MEAN] * 2, abs=1e-4)
