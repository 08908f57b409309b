import copy
import pickle

import pytest
import torch
from torch import nn

from drbn_lightning.networks.frozen import Frozen, without_parameter_gradients


class Loss(nn.Module):
    """A trained part beside a frozen one."""

    def __init__(self) -> None:
        super().__init__()
        self.trained = nn.Linear(2, 2)
        self.frozen = Frozen(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Dropout()))


def test_it_gives_what_the_network_gives() -> None:
    network, x = nn.Linear(2, 3), torch.rand(4, 2)
    assert torch.equal(Frozen(network)(x), network(x))
    assert torch.equal(Frozen(network)(input=x), network(x))


def test_it_is_hidden() -> None:
    loss = Loss()
    trained = {"trained.weight", "trained.bias"}
    assert set(loss.state_dict()) == {name for name, _ in loss.named_parameters()} == trained
    assert list(loss.buffers()) == []
    assert list(loss.frozen.children()) == []
    assert loss.load_state_dict(Loss().state_dict()).missing_keys == []
    assert "Sequential" in repr(loss)


def test_it_always_evaluates_and_never_learns() -> None:
    loss = Loss().train()
    assert loss.training
    assert not any(module.training for module in loss.frozen.network.modules())
    loss.requires_grad_(True)
    assert not any(parameter.requires_grad for parameter in loss.frozen.network.parameters())


def test_gradients_pass_through_to_the_input() -> None:
    frozen, x = Frozen(nn.Linear(2, 1)), torch.rand(3, 2, requires_grad=True)
    frozen(x).sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, frozen.network.weight.expand(3, 2))  # type: ignore[operator]
    assert all(parameter.grad is None for parameter in frozen.network.parameters())


@pytest.mark.parametrize("move", ["double", "meta"])
def test_it_moves_along(move: str) -> None:
    loss = Loss().double() if move == "double" else Loss().to("meta")
    for tensor in loss.frozen.network.parameters():
        assert tensor.dtype == torch.float64 if move == "double" else tensor.device.type == "meta"
        assert not tensor.requires_grad


def test_a_deep_copy_shares_it() -> None:
    loss = Loss()
    copied = copy.deepcopy(loss)
    assert copied.frozen is loss.frozen
    assert copied.trained is not loss.trained


def test_it_can_be_sent_to_another_process() -> None:
    loss, x = Loss(), torch.rand(3, 2)
    sent = pickle.loads(pickle.dumps(loss))
    assert torch.equal(sent.frozen(x), loss.frozen(x))
    assert set(sent.state_dict()) == {"trained.weight", "trained.bias"}


def test_parameters_rest_and_wake_with_their_own_flags() -> None:
    network, x = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1)), torch.rand(3, 2, requires_grad=True)
    network[0].bias.requires_grad_(False)
    before = [parameter.requires_grad for parameter in network.parameters()]
    with without_parameter_gradients(network):
        assert not any(parameter.requires_grad for parameter in network.parameters())
        result = network(x)
    assert [parameter.requires_grad for parameter in network.parameters()] == before == [True, False, True, True]
    result.sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in network.parameters())


def test_parameters_wake_after_an_error() -> None:
    network = nn.Linear(2, 1)
    with pytest.raises(RuntimeError), without_parameter_gradients(network):
        network(torch.rand(3, 5))
    assert all(parameter.requires_grad for parameter in network.parameters())
