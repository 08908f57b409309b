import pytest
import torch

from drbn_lightning.networks import blocks
from drbn_lightning.networks.blocks import DenseBlock
from drbn_lightning.networks.dense_gradient import DenseGradient, pays
from drbn_lightning.networks.drbn import DRBN


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_result_and_gradients_are_those_of_autograd(
    memory_format: torch.memory_format, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    network = DRBN(recursions=2, base_channels=6, growth_rate=4).to(memory_format=memory_format)
    low = torch.rand(2, 3, 20, 28).contiguous(memory_format=memory_format)

    def run() -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        bands = network(low)
        loss = sum((band.square().mean() for band in bands), torch.zeros(()))
        return bands.full.detach(), torch.autograd.grad(loss, list(network.parameters()))

    monkeypatch.setattr(blocks, "pays", lambda features: True)
    result, gradients = run()
    monkeypatch.setattr(blocks, "pays", lambda features: False)
    expected, by_autograd = run()
    assert torch.equal(result, expected)
    for gradient, other in zip(gradients, by_autograd, strict=True):
        torch.testing.assert_close(gradient, other, rtol=1e-4, atol=1e-6)


def test_gradients_are_right_in_double_precision() -> None:
    block = DenseBlock(4, 2, layers=3).double()
    parameters = [p for layer in (block.fusion, *block.layers) for p in (layer.weight, layer.bias)]
    features = torch.rand(2, 4, 5, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(DenseGradient.apply, (features, *parameters))


def test_it_pays_where_gradients_are_asked_for_in_full_precision_on_a_cpu() -> None:
    features = torch.rand(1, 4, 256, 256)
    assert pays(features)
    assert not pays(features[..., :255])
    assert not pays(features.bfloat16())
    assert not pays(features.to("meta"))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert not pays(features)
    with torch.no_grad():
        assert not pays(features)


def test_less_is_kept_for_the_gradient() -> None:
    block, features = DenseBlock(16, 8), torch.rand(1, 16, 16, 16, requires_grad=True)

    def kept(by_hand: bool) -> int:
        seen: dict[int, int] = {}

        def note(tensor: torch.Tensor) -> torch.Tensor:
            seen[tensor.data_ptr()] = tensor.nbytes if tensor.shape[-1] == 16 else 0
            return tensor

        with pytest.MonkeyPatch.context() as patch, torch.autograd.graph.saved_tensors_hooks(note, lambda one: one):
            patch.setattr(blocks, "pays", lambda _: by_hand)
            block(features)
        return sum(seen.values())

    assert kept(by_hand=True) < 0.6 * kept(by_hand=False)
