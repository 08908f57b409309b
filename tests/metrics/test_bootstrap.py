import math

import numpy as np
import pytest
import torch

from drbn_lightning.metrics import bootstrap
from drbn_lightning.metrics.bootstrap import Interval, interval, paired

VALUES = np.random.default_rng(0).normal(3.0, 2.0, 60).tolist()


def test_agrees_with_the_normal_theory_of_a_mean() -> None:
    estimate = interval(VALUES)
    error = np.std(VALUES) / math.sqrt(len(VALUES))
    assert estimate.mean == pytest.approx(np.mean(VALUES))
    assert estimate.low == pytest.approx(np.mean(VALUES) - 1.96 * error, abs=0.1 * error)
    assert estimate.high == pytest.approx(np.mean(VALUES) + 1.96 * error, abs=0.1 * error)


def test_agrees_with_all_resamples_of_three_values() -> None:
    values = [0.0, 1.0, 10.0]
    every = sorted((a + b + c) / 3 for a in values for b in values for c in values)
    estimate = interval(values, confidence=0.8)
    assert estimate.low == pytest.approx(every[math.ceil(0.1 * 27) - 1])
    assert estimate.high == pytest.approx(every[math.ceil(0.9 * 27) - 1])


def test_covers_the_true_mean_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    estimates = [interval(rng.normal(size=40), confidence=0.9, resamples=500) for _ in range(300)]
    assert 0.83 < np.mean([one.low <= 0 <= one.high for one in estimates]) < 0.95


def test_more_confidence_is_wider() -> None:
    narrow, wide = interval(VALUES, confidence=0.5), interval(VALUES, confidence=0.99)
    assert wide.low < narrow.low < narrow.mean < narrow.high < wide.high


def test_one_seed_gives_one_interval() -> None:
    state = str(np.random.get_state())  # the global generator is left alone
    assert interval(VALUES, seed=3) == interval(VALUES, seed=3) != interval(VALUES, seed=4)
    assert str(np.random.get_state()) == state


def test_small_blocks_draw_as_many_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "BLOCK", 7 * len(VALUES))
    assert len(bootstrap._means(np.array(VALUES), 100, 0)) == 100
    monkeypatch.setattr(bootstrap, "BLOCK", 1)
    assert len(bootstrap._means(np.array(VALUES), 3, 0)) == 3


def test_what_is_no_number_is_left_out() -> None:
    assert interval([math.nan, *VALUES, math.nan]) == interval(VALUES)


@pytest.mark.parametrize(
    ("values", "mean"), [([], math.nan), ([math.nan], math.nan), ([2.5], 2.5), ([math.nan, 2.5], 2.5)]
)
def test_fewer_than_two_values_have_no_interval(values: list[float], mean: float) -> None:
    assert interval(values) == pytest.approx((mean, math.nan, math.nan), nan_ok=True)


def test_infinite_values_stay_infinite() -> None:
    assert interval([20.0, 30.0, math.inf]).high == math.inf
    assert interval([math.inf, math.inf]) == Interval(math.inf, math.inf, math.inf)


def test_takes_any_row_of_numbers() -> None:
    assert interval(torch.tensor(VALUES, dtype=torch.float64)) == interval(iter(VALUES)) == interval(VALUES)


def test_paired_is_the_interval_of_the_differences() -> None:
    second = [2 * value + 1 for value in VALUES]
    assert paired(VALUES, second) == interval([b - a for a, b in zip(VALUES, second, strict=True)])
    assert paired(VALUES, second, 0.5, 100, 9) == interval(
        [b - a for a, b in zip(VALUES, second, strict=True)], 0.5, 100, 9
    )


def test_pairing_sees_what_the_spread_of_the_images_hides() -> None:
    better = [value + 0.1 for value in VALUES]
    assert paired(VALUES, better).low > 0
    assert interval(better).low < interval(VALUES).high


def test_a_pair_without_a_difference_is_left_out() -> None:
    assert paired([1.0, math.nan, 3.0, math.inf, 5.0], [2.0, 1.0, math.nan, math.inf, 7.0]) == interval([1.0, 2.0])


def test_refuses_other_lengths_and_ranges() -> None:
    with pytest.raises(ValueError, match=r"2 .* 3"):
        paired([1.0, 2.0], [1.0, 2.0, 3.0])
    for confidence, resamples in ((0.0, 10), (1.0, 10), (95.0, 10), (0.95, 0)):
        with pytest.raises(ValueError, match="0 and 1"):
            interval(VALUES, confidence, resamples)
