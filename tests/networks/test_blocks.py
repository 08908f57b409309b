import torch

from drbn_lightning.networks.blocks import DenseBlock, ImageHead, convolution


def test_convolutions_keep_or_halve_the_size() -> None:
    features = torch.rand(2, 5, 9, 12)
    assert convolution(5, 7)(features).shape == (2, 7, 9, 12)
    assert convolution(5, 7, stride=2)(features).shape == (2, 7, 5, 6)
    assert convolution(5, 7, kernel=1)(features).shape == (2, 7, 9, 12)


def test_every_layer_of_a_dense_block_sees_all_before_it() -> None:
    block = DenseBlock(6, 3, layers=4)
    shapes = [tuple(block.get_parameter(f"layers.{n}.weight").shape) for n in range(4)]
    assert shapes == [(3, 6 + 3 * n, 3, 3) for n in range(4)]
    assert block.fusion.weight.shape == (6, 18, 1, 1)


def test_a_dense_block_adds_to_its_input() -> None:
    block, features = DenseBlock(4, 2), torch.rand(1, 4, 6, 5)
    torch.nn.init.zeros_(block.fusion.weight)
    torch.nn.init.constant_(block.fusion.bias, 0.5)  # type: ignore[arg-type]  # it has one
    torch.testing.assert_close(block(features), features + 0.5)


def test_an_image_head_is_affine() -> None:
    torch.manual_seed(0)
    head = ImageHead(4, 3)
    one, other = torch.rand(2, 1, 4, 6, 6)
    zero = torch.zeros_like(one)
    torch.testing.assert_close(head(one + other) + head(zero), head(one) + head(other))
    assert head(one).shape == (1, 3, 6, 6)


def test_gradients_reach_every_parameter() -> None:
    network = torch.nn.Sequential(DenseBlock(4, 2), ImageHead(4, 3))
    network(torch.rand(1, 4, 8, 8)).square().mean().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in network.parameters())
