from collections.abc import Callable

import pytest
import torch

from drbn_lightning.errors import DRBNError
from drbn_lightning.inference.runtimes import precision
from drbn_lightning.inference.runtimes.precision import (
    choose_device,
    choose_precision,
    has_native_bfloat16,
)

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
    for capabilities, native in (({"avx512_bf16": True}, True), ({"amx_bf16": True}, True), ({"avx2": True}, False)):
        monkeypatch.setattr(
            torch.cpu, "get_capabilities", lambda capabilities=capabilities: capabilities, raising=False
        )
        assert has_native_bfloat16() == native
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert not has_native_bfloat16()
