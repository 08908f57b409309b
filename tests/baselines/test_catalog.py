from collections.abc import Callable, Iterable, Iterator

import pytest
import torch
from torch import Tensor

from drbn_lightning.baselines.catalog import BASELINES
from drbn_lightning.baselines.gamma import GammaSearch, gamma_curve
from drbn_lightning.baselines.lime import lime
from drbn_lightning.baselines.msr import multi_scale_retinex
from drbn_lightning.batches import PairBatch
from drbn_lightning.networks.first_guess import thumbnails_of
from drbn_lightning.types import TensorMethod
from tests.baselines.given import images, pair


def built(names: Iterable[str], batches: Iterable[PairBatch]) -> dict[str, TensorMethod]:
    return dict(BASELINES[name].build((batch.low, batch.normal) for batch in batches) for name in names)


def every_method() -> dict[str, TensorMethod]:
    return built(BASELINES, [pair(0, 0.5)])


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
    (method,) = built([name], []).values()
    result = method(low, thumbnails_of(low))
    assert result.mean() > 2 * low.mean()
    assert result.min() >= 0
    assert result.max() <= 1


def test_baselines_come_under_their_names_and_the_best_gamma_says_which() -> None:
    pairs = [pair(n, 0.35) for n in range(3)]
    search = GammaSearch()
    for batch in pairs:
        search.add(batch.low, batch.normal)
    methods = built(["lime", "gamma", "input"], pairs)
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
    assert list(built(names, forbidden())) == names == [name for name in BASELINES if name != "gamma"]


@pytest.mark.parametrize("method", [multi_scale_retinex, lime])
def test_images_of_a_batch_do_not_touch_each_other(method: Callable[[Tensor], Tensor]) -> None:
    low = 0.2 * images()
    assert torch.allclose(method(low)[1:], method(low[1:]), atol=1e-5)
