from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from drbn_lightning.bands import Bands
from drbn_lightning.errors import DRBNError
from drbn_lightning.inference.runtimes import precision
from drbn_lightning.inference.runtimes.precision import (
    choose_device,
    choose_precision,
    has_native_bfloat16,
    in_precision,
    torch_method,
)
from drbn_lightning.metrics.psnr import psnr
from drbn_lightning.networks.drbn import DRBN
from drbn_lightning.networks.recomposition import BandRecomposition, FlatRecomposer

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def test_a_device_can_be_named() -> None:
    assert choose_device("cpu") == CPU


def test_auto_is_the_first_device_that_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    works: Callable[[torch.device], bool] = lambda device: device.type == "mps"  # noqa: E731 reads like the next one
    monkeypatch.setattr(precision, "_works", works)
    assert choose_device("auto").type == "mps"
    monkeypatch.setattr(precision, "_works", lambda device: False)
    assert choose_device("auto").type == "cpu"


def test_whether_a_device_works_is_tried() -> None:
    assert precision._works(CPU)
    assert not precision._works(torch.device("meta"))  # nothing comes back from there


@pytest.mark.parametrize("name", ["cuda:99", "nothing"])
def test_a_device_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(DRBNError, match=f"device={name} .*auto or cpu"):
        choose_device(name)


@pytest.mark.parametrize("native", [False, True])
def test_auto_takes_bfloat16_where_it_is_native_and_the_image_has_8_bits(
    monkeypatch: pytest.MonkeyPatch, native: bool
) -> None:
    monkeypatch.setattr(precision, "has_native_bfloat16", lambda: native)
    assert choose_precision("auto", CPU) == ("bfloat16" if native else "float32")
    assert choose_precision("auto", CPU, bits=16) == "float32"


def test_auto_takes_float16_on_a_gpu_for_8_bits() -> None:
    assert choose_precision("auto", CUDA) == "float16"
    assert choose_precision("auto", CUDA, bits=16) == "float32"
    assert choose_precision("auto", torch.device("mps")) == "float32"


def test_what_is_asked_for_is_taken() -> None:
    assert choose_precision("bfloat16", CPU, bits=16) == "bfloat16"
    assert choose_precision("float32", CUDA) == "float32"
    assert choose_precision("float16", CUDA, bits=16) == "float16"


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(DRBNError, match=r"precision=half .*auto, float32, bfloat16, float16"):
        choose_precision("half", CPU)
    with pytest.raises(DRBNError, match="float16"):
        choose_precision("float16", CPU)


def test_native_bfloat16_follows_the_capabilities_of_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    for found, native in (({"avx512_bf16": True}, True), ({"amx_bf16": True}, True), ({"avx2": True}, False)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda found=found: found, raising=False)
        assert has_native_bfloat16() == native
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert not has_native_bfloat16()


class Mean(nn.Module):
    """A band network that shows which mean it is told, and its own number."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(1.0))

    def forward(self, low: Tensor, thumbnail: Tensor) -> Bands:
        full = self.gain * low + thumbnail.to(low)[:, None, None, None] + (1 if self.training else 0)
        return Bands(full, full, full)


def test_a_method_works_on_a_copy_in_evaluation_mode() -> None:
    network = Mean()
    method = torch_method(network, CPU, "bfloat16")
    network.gain.data.fill_(7)
    found = method(torch.full((1, 3, 2, 2), 0.5), torch.tensor([0.25]))
    assert found.dtype == torch.float32
    assert not found.requires_grad
    assert (found == 0.75).all()
    assert network.training
    assert network.gain.dtype == torch.float32


def networks() -> list[nn.Module]:
    torch.manual_seed(0)
    first = DRBN(recursions=2, base_channels=8, growth_rate=4)
    with torch.no_grad():
        for block in first.blocks:
            block.full_head[-1].bias.fill_(0.4)  # type: ignore[union-attr, index] # a module list knows modules only
    return [first, BandRecomposition(first, FlatRecomposer(channels=8, growth_rate=4))]


@pytest.mark.parametrize("network", networks(), ids=["band", "recompose"])
def test_bfloat16_is_near_float32(network: nn.Module) -> None:
    low, thumbnail = (
        torch.rand(1, 3, 37, 41, generator=torch.Generator().manual_seed(1)),
        torch.full((1, 3, 48, 48), 0.3),
    )
    exact = torch_method(network, CPU)(low, thumbnail)
    with torch.inference_mode():
        assert torch.allclose(exact, network.eval()(low, thumbnail).full, atol=1e-5)
    assert 0.05 < exact.mean() < 0.95  # neither black nor white, where every difference would be cut off
    assert psnr(torch_method(network, CPU, "bfloat16")(low, thumbnail), exact.clamp(0, 1)).item() > 45


def test_a_learned_guess_stays_in_full_precision() -> None:
    torch.manual_seed(0)
    network = DRBN(recursions=1, base_channels=4, growth_rate=2, first_guess="learned")
    lower = in_precision(deepcopy(network), torch.bfloat16)
    kinds = {name: value.dtype for name, value in lower.named_parameters()}
    assert {kind for name, kind in kinds.items() if name.startswith("guess.")} == {torch.float32}
    assert {kind for name, kind in kinds.items() if not name.startswith("guess.")} == {torch.bfloat16}
    before = network.state_dict()
    for name, value in lower.state_dict().items():
        assert torch.equal(value, before[name]) == name.startswith("guess.") or not value.any()
