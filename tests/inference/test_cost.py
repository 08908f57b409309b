import time

import pytest
import torch
from torch import Tensor, nn

from drbn_lightning.bands import Bands
from drbn_lightning.inference.cost import gmac, measure, parameters
from drbn_lightning.networks.drbn import DRBN


class Convolution(nn.Module):
    """One convolution of 3 to 3 channels, called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 3, 3, padding=1)
        self.again = self.layer

    def forward(self, low: Tensor, thumbnail: Tensor) -> Bands:
        assert thumbnail.shape == (1,)
        full = self.again(self.layer(low))
        return Bands(full, full, full)


def test_the_released_network_costs_what_it_should() -> None:
    network = DRBN()
    assert parameters(network) == 557_668
    assert gmac(network) == pytest.approx(9.38, abs=0.005)


def test_multiplications_follow_from_the_size() -> None:
    assert gmac(Convolution(), 10, 12) == pytest.approx(2 * 10 * 12 * 3 * 3 * 9 / 1e9)
    assert parameters(Convolution()) == 3 * 3 * 9 + 3


def test_counting_changes_no_network_and_takes_its_precision() -> None:
    network = Convolution().to(torch.bfloat16).train()
    assert gmac(network, 4, 4) > 0
    assert network.training
    assert all(parameter.grad is None for parameter in network.parameters())


def test_the_median_is_reported_with_its_spread_and_the_first_run_does_not_count() -> None:
    pauses = iter([0.2, 0.03, 0.01, 0.05])

    def method(low: Tensor, thumbnail: Tensor) -> Tensor:
        assert low.shape == (1, 3, 6, 8)
        assert thumbnail.shape == (1,)
        time.sleep(next(pauses))
        return low

    cost = measure(method, height=6, width=8, runs=3)
    assert 10 <= cost.fastest <= cost.milliseconds <= cost.slowest < 200
    assert 30 <= cost.milliseconds < cost.slowest
    assert (cost.parameters, cost.gmac) == (0, None)
    assert cost.how.startswith("8 x 6 pixels, median of 3 runs, ")
    assert cost.how.endswith(f"{torch.get_num_threads()} threads, float32")


def test_a_network_has_parameters_and_multiplications_at_the_size_of_the_picture() -> None:
    network = Convolution()
    cost = measure(lambda low, mean: network(low, mean).full, network, height=5, width=7, runs=1, precision="bfloat16")
    assert cost.parameters == parameters(network)
    assert cost.gmac == gmac(network, 5, 7)
    assert cost.milliseconds == cost.fastest == cost.slowest > 0
    assert cost.how.endswith(", bfloat16")
    assert "cuda" in measure(lambda low, mean: low, runs=1, height=2, width=2, device="cuda:1").how


def test_no_run_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        measure(lambda low, mean: low, runs=0)
