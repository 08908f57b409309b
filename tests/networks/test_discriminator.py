from typing import Any

import pytest
import torch
from torch import nn

from drbn_lightning.networks.discriminator import Discriminator
from tests import golden

KINDS = ["batch", "group", "instance", "none"]


def tiny(**arguments: Any) -> Discriminator:  # noqa: ANN401 a test's choice
    torch.manual_seed(0)
    return Discriminator(**{"base_channels": 4} | arguments)


def released() -> Discriminator:
    return Discriminator(normalization="batch", head_padding=1)


@torch.no_grad()
def test_gives_the_released_networks_scores() -> None:
    network = released().eval()
    golden.fill_discriminator(network)
    image = golden.image(2, 64, 64, 2)
    assert network(image).sigmoid().tolist() == pytest.approx(golden.DISCRIMINATOR_SCORES, abs=1e-6)


def test_has_the_released_networks_tensors() -> None:
    network = released()
    assert [tuple(tensor.shape) for tensor in network.state_dict().values()] == golden.DISCRIMINATOR_SHAPES
    assert sum(parameter.numel() for parameter in network.parameters()) == 4_691_329


def test_the_sorted_copy_follows_the_image() -> None:
    image = torch.tensor([[0.3, 0.9, 0.1], [0.5, 0.2, 0.8]]).reshape(2, 3, 1, 1)
    channels = tiny().inputs(image)
    expected = [[0.3, 0.9, 0.1, 0.1, 0.3, 0.9], [0.5, 0.2, 0.8, 0.2, 0.5, 0.8]]
    torch.testing.assert_close(channels, torch.tensor(expected).reshape(2, 6, 1, 1))
    assert tiny(sorted_channels=False).inputs(image) is image


def test_the_sorted_copy_passes_gradients_to_the_colours_that_it_took() -> None:
    image = torch.rand(1, 3, 2, 2).requires_grad_()
    torch.autograd.backward(tiny().inputs(image)[:, 3].sum())
    assert image.grad is not None
    torch.testing.assert_close(image.grad, (image == image.amin(1, keepdim=True)).float())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("spectral", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (2, 9), (16, 16), (37, 41)])
@torch.no_grad()
def test_any_size(kind: str, spectral: bool, size: tuple[int, int]) -> None:
    network = tiny(base_channels=1, normalization=kind, spectral=spectral).eval()
    for count in (1, 2):
        logits = network(torch.rand(count, 3, *size))
        assert logits.shape == (count,)
        assert logits.isfinite().all()


@pytest.mark.parametrize("base", [1, 3, 8, 15, 24, 33])
def test_groups_fit_any_width(base: int) -> None:
    network = tiny(base_channels=base)
    groups = [layer for layer in network.body if isinstance(layer, nn.GroupNorm)]
    assert len(groups) == 7
    assert all(layer.num_channels % layer.num_groups == 0 for layer in groups)


def test_groups_have_16_channels_as_pretrained() -> None:
    network = tiny(base_channels=32)
    groups = [layer for layer in network.body if isinstance(layer, nn.GroupNorm)]
    assert {layer.num_channels / layer.num_groups for layer in groups} == {16}


@pytest.mark.parametrize("kind", ["group", "instance", "none"])
@torch.no_grad()
def test_images_do_not_see_each_other(kind: str) -> None:
    network, images = tiny(normalization=kind), torch.rand(3, 3, 20, 20)
    alone = torch.cat([network(image[None]) for image in images])
    torch.testing.assert_close(network(images), alone)


@torch.no_grad()
def test_instance_norm_is_torchs() -> None:
    layer = tiny(normalization="instance").body[4]
    features = torch.rand(2, 4, 5, 6)
    torch.testing.assert_close(layer(features), nn.InstanceNorm2d(4)(features))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("spectral", [False, True])
def test_gradients_reach_the_image_and_every_parameter(kind: str, spectral: bool) -> None:
    network, image = tiny(normalization=kind, spectral=spectral), torch.rand(2, 3, 32, 32).requires_grad_()
    network(image).square().sum().backward()
    assert image.grad is not None
    assert image.grad.abs().sum() > 0
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert all(p.grad.abs().sum() > 0 for n, p in network.named_parameters() if "weight" in n and p.grad is not None)


@pytest.mark.parametrize("kind", ["batch", "group", "none"])
def test_it_learns_to_tell_light_from_dark(kind: str) -> None:
    network = tiny(normalization=kind)
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    generator = torch.Generator().manual_seed(0)
    label = torch.tensor([0.0, 1.0] * 4)
    for _ in range(40):
        image = torch.rand(8, 3, 16, 16, generator=generator) * (0.3 + 0.7 * label)[:, None, None, None]
        loss = nn.functional.binary_cross_entropy_with_logits(network(image), label)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    assert loss.item() < 0.2


@torch.no_grad()
def test_without_normalisation_features_keep_their_size() -> None:
    network = tiny(base_channels=16, normalization="none")
    features = network.body(torch.randn(2, 6, 64, 64))
    assert 0.2 < features.square().mean().item() < 5


@torch.no_grad()
def test_spectral_normalisation_bounds_every_convolution() -> None:
    network = tiny(spectral=True)
    convolutions = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    assert len(convolutions) == 9
    for layer in convolutions:
        for _ in range(10):
            weight = layer.weight  # in training mode each look makes the estimate better
        assert torch.linalg.matrix_norm(weight.flatten(1), ord=2).item() == pytest.approx(1, abs=0.05)


@torch.no_grad()
def test_padding_of_the_head_weighs_its_bias() -> None:
    network = tiny(head_padding=1)
    assert network.head.bias is not None
    network.head.bias.fill_(2.0)
    network.head.weight.zero_()
    assert network(torch.rand(1, 3, 32, 32)).item() == pytest.approx(2.0)
    network.head.weight.fill_(1.0)
    plain = tiny(head_padding=0)
    plain.load_state_dict(network.state_dict())
    image = torch.rand(1, 3, 32, 32)  # 2 x 2 features within 4 x 4
    assert network(image).item() - 2 == pytest.approx((plain(image).item() - 2) * 4 / 16, rel=1e-4)


@torch.no_grad()
def test_it_sees_only_what_the_codec_leaves() -> None:
    network, plain = tiny(reencode=[75, 95]), tiny()
    assert network.reencoding is not None
    assert network.state_dict().keys() == plain.state_dict().keys()
    image = torch.rand(2, 3, 24, 20) * 1.5 - 0.2
    network.eval()
    torch.testing.assert_close(network(image), plain.eval()(network.reencoding(image)))
    assert not torch.allclose(network(image), plain(image))
    network.train()
    assert not torch.equal(network(image), network(image))


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_logits_are_float32_under_autocast(kind: str) -> None:
    network = tiny(normalization=kind, reencode=(75, 95)).eval()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert network(torch.rand(1, 3, 16, 16)).dtype == torch.float32


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"normalization": "layer"}, r"discriminator\.normalization .*'layer'.*'batch', 'group'"),
        ({"base_channels": 0}, r"discriminator\.base_channels is 0"),
        ({"head_padding": -1}, r"discriminator\.head_padding is -1"),
        ({"reencode": [95, 75]}, r"discriminator\.reencode is \[95, 75\]"),
        ({"reencode": [75]}, r"discriminator\.reencode is \[75\]"),
        ({"reencode": [75, 80, 95]}, r"discriminator\.reencode is"),
        ({"reencode": ["a", "b"]}, r"discriminator\.reencode is"),
        ({"reencode": 75}, r"discriminator\.reencode is 75"),
    ],
)
def test_refuses_nonsense(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tiny(**arguments)
