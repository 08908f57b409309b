import pytest
import torch
from torch import Tensor, nn

from drbn_lightning.bands import Bands
from drbn_lightning.evaluation.cost import gmac, parameters
from drbn_lightning.networks.drbn import DRBN


class Convolution(nn.Module):
    """One convolution of 3 to 3 channels, called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 3, 3, padding=1)
        self.again = self.layer

    def forward(self, low: Tensor, thumbnail: Tensor) -> Bands:
        assert thumbnail.shape == (1, 3, 48, 48)
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
