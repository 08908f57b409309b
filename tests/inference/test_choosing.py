import platform
import sys
from pathlib import Path
from types import ModuleType

import pytest

from drbn_lightning.errors import DRBNError
from drbn_lightning.inference import choosing
from drbn_lightning.inference.choosing import COSTS, PACKAGES, Job, choose_runtime, gpu_seen, loaded_first
from drbn_lightning.names import RUNTIMES

SMALL, LARGE = Job(240_000), Job(50_000_000)


@pytest.fixture(autouse=True)
def there(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The packages that are installed."""
    packages = {"torch", "onnxruntime", "openvino"}
    monkeypatch.setattr(choosing, "installed", packages.__contains__)
    monkeypatch.setattr(choosing, "loaded_first", lambda: None)
    return packages


def auto(job: Job, device: str = "auto", precision: str = "auto", *, gpu: bool = False) -> str:
    return choose_runtime("auto", device, precision, job, gpu=gpu)


def test_every_runtime_has_a_cost_and_a_package() -> None:
    assert {"auto", *COSTS} == {"auto", *PACKAGES} == set(RUNTIMES)


def test_a_small_photo_does_not_wait_for_a_slow_start() -> None:
    assert auto(SMALL) == "onnx"
    assert auto(LARGE) == "openvino"


def test_what_is_not_installed_is_not_chosen(there: set[str]) -> None:
    there.remove("openvino")
    assert auto(LARGE) == "onnx"
    there.remove("onnxruntime")
    assert auto(SMALL) == auto(LARGE) == "torch"


def test_two_runtimes_are_not_loaded_into_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "loaded_first", loaded_first)
    for name in ("onnxruntime", "openvino"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    assert loaded_first() is None
    monkeypatch.setitem(sys.modules, "openvino", ModuleType("openvino"))
    assert auto(SMALL) == "openvino"
    monkeypatch.setitem(sys.modules, "onnxruntime", ModuleType("onnxruntime"))
    monkeypatch.delitem(sys.modules, "openvino")
    assert auto(LARGE) == "onnx"
    assert choose_runtime("openvino", "auto", "auto", LARGE, gpu=False) == "openvino"


def test_a_gpu_is_worth_its_start_for_long_jobs_only() -> None:
    assert auto(LARGE, gpu=True) == "torch"
    assert auto(SMALL, gpu=True) == "onnx"
    assert auto(LARGE, "cpu", gpu=True) == "openvino"


def test_what_only_torch_can_do_is_its_job() -> None:
    assert auto(LARGE, "cuda") == auto(LARGE, precision="float16") == auto(LARGE, precision="bfloat16") == "torch"


def test_an_export_must_pay() -> None:
    photo = Job(12_000_000, exported=False, torch_loaded=True)
    assert auto(photo) == "torch"
    assert auto(photo._replace(exported=True)) == "openvino"
    assert auto(photo._replace(pixels=600_000_000)) == "openvino"


@pytest.mark.parametrize("runtime", sorted(PACKAGES))
def test_what_is_named_is_taken(runtime: str) -> None:
    assert choose_runtime(runtime, "auto", "auto", SMALL, gpu=True) == runtime


def test_impossible_runtimes_are_named() -> None:
    with pytest.raises(DRBNError, match=r"runtime=tensorrt .*auto, torch, onnx, openvino"):
        choose_runtime("tensorrt", "auto", "auto", SMALL)
    with pytest.raises(DRBNError, match=r"runtime=onnx .*device=cuda"):
        choose_runtime("onnx", "cuda", "auto", SMALL)


def test_a_gpu_is_seen_by_its_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(choosing, "GPU_FILES", (str(tmp_path / "a"), str(tmp_path / "b")))
    assert not gpu_seen()
    (tmp_path / "b").touch()
    assert gpu_seen()
    for hidden in ("", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
        assert not gpu_seen()


@pytest.mark.parametrize(("machine", "seen"), [("arm64", True), ("x86_64", False)])
def test_a_mac_with_its_own_processor_has_one(monkeypatch: pytest.MonkeyPatch, machine: str, seen: bool) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert gpu_seen() == seen
