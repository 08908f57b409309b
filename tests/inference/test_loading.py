import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import drbn_lightning
from drbn_lightning.checkpoints import pretrained
from drbn_lightning.errors import DRBNError
from drbn_lightning.inference import by_torch, choosing, loading
from drbn_lightning.inference.loading import exported_precision, load_enhancer
from drbn_lightning.names import ENHANCING_STAGES
from drbn_lightning.types import Method
from tests.inference.small_images import image


def test_weights_of_the_package_are_the_default() -> None:
    info = load_enhancer(runtime="torch", device="cpu").info
    assert info[:5] == (pretrained.networks()[0], pretrained.DEFAULT_STAGE, ENHANCING_STAGES, "torch", "cpu")
    assert load_enhancer(runtime="torch", stage="recompose").stage == "recompose"
    for runtime in ("torch", "auto"):
        with pytest.raises(DRBNError, match="stage=quality"):
            load_enhancer(stage="quality", runtime=runtime)
        with pytest.raises(DRBNError, match="network=nobodys"):
            load_enhancer(network="nobodys", runtime=runtime)


@pytest.mark.runtimes
@pytest.mark.parametrize("stage", ENHANCING_STAGES)
def test_pretrained_networks_give_the_same_8_bits_by_onnx_runtime(stage: str) -> None:
    by_onnx = load_enhancer(stage=stage, runtime="onnx")
    by_torch = load_enhancer(stage=stage, runtime="torch", device="cpu", precision="float32")
    assert by_onnx.for_8_bits.tiles.overlap == by_torch.for_8_bits.tiles.overlap
    given = image(90, 70)
    differences = np.abs(by_onnx(given).astype(int) - by_torch(given))
    assert differences.max() <= 1
    assert (differences > 0).mean() < 0.001
    numbers = given.astype(np.float32) / 255
    assert np.abs(by_onnx(numbers) - by_torch(numbers)).max() <= 1e-4


def test_auto_takes_what_is_fastest_for_the_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = list[str]()

    def opener(name: str) -> Callable[..., Method]:
        def open_it(path: Path, **_: object) -> Method:
            opened.append(f"{name} {path.name}")
            return lambda low, thumbnail: low

        return open_it

    monkeypatch.setattr(loading, "open_onnx", opener("onnx"))
    monkeypatch.setattr(loading, "open_openvino", opener("openvino"))
    monkeypatch.setattr(loading, "native_bfloat16", lambda: False)
    monkeypatch.setattr(choosing, "installed", lambda package: True)
    monkeypatch.setattr(choosing, "gpu_seen", lambda: False)
    monkeypatch.setattr(choosing, "loaded_first", lambda: None)
    assert load_enhancer(pixels=240_000).info.runtime == "onnx"
    assert load_enhancer().info.runtime == "openvino"
    assert opened == ["onnx band.onnx", "openvino band.onnx"]


def test_a_driver_without_a_gpu_that_works_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "gpu_seen", lambda: True)
    monkeypatch.setattr(by_torch, "has_gpu", lambda: False)
    monkeypatch.setattr(choosing, "loaded_first", lambda: None)
    monkeypatch.setattr(choosing, "installed", lambda package: package == "onnxruntime" or package == "torch")
    monkeypatch.setattr(loading, "open_onnx", lambda path: lambda low, thumbnail: low)
    assert load_enhancer().info.runtime == "onnx"


@pytest.mark.parametrize(
    ("runtime", "name", "bits", "native", "precision"),
    [
        ("onnx", "auto", 8, True, "float32"),
        ("openvino", "auto", 8, True, "bfloat16"),
        ("openvino", "auto", 16, True, "float32"),
        ("openvino", "auto", 8, False, "float32"),
        ("openvino", "bfloat16", 16, True, "bfloat16"),
    ],
)
def test_exported_networks_have_the_precision_that_an_image_does_not_show(
    monkeypatch: pytest.MonkeyPatch, runtime: str, name: str, bits: int, native: bool, precision: str
) -> None:
    monkeypatch.setattr(loading, "native_bfloat16", lambda: native)
    assert exported_precision(runtime, name, bits) == precision


def test_stage_1_can_be_had_out_of_both(weights: Path) -> None:
    photo = image(9, 10)
    both, first = load_enhancer(weights / "recompose.pt"), load_enhancer(weights / "recompose.pt", stage="band")
    assert (first.stage, first.info.stages) == ("band", ("band",))
    np.testing.assert_array_equal(first(photo), load_enhancer(weights / "band.pt")(photo))
    assert (both(photo) != first(photo)).any()
    with pytest.raises(DRBNError, match=r"band\.pt.*stage=band.*stage=recompose"):
        load_enhancer(weights / "band.pt", stage="recompose")


@pytest.mark.parametrize("runtime", ["onnx", "openvino"])
def test_other_runtimes_run_the_exported_network(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runtime: str
) -> None:
    opened = list[tuple[Path, str]]()

    def opener(path: Path, *, precision: str = "float32") -> Method:
        opened.append((path, precision))
        return lambda low, thumbnail: np.ones_like(low)

    monkeypatch.setattr(by_torch, "kept_export", lambda model: tmp_path / f"{model.stage}.onnx")
    monkeypatch.setattr(loading, f"open_{runtime}", opener)
    enhance = load_enhancer(weights / "band.pt", runtime=runtime, precision="float32")
    assert (enhance(image(5, 6)) == 255).all()
    assert opened == [(tmp_path / "band.onnx", "float32")]  # once for all kinds of images


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"runtime": "tensorrt"}, "runtime=tensorrt .*auto, torch, onnx, openvino"),
        ({"runtime": "onnx", "device": "cuda"}, "runtime=onnx.*CPU"),
        ({"runtime": "onnx", "precision": "bfloat16"}, "precision=bfloat16.*runtime=onnx"),
        ({"precision": "double"}, "precision=double"),
        ({"device": "nowhere"}, "device=nowhere"),
    ],
)
def test_wrong_options_are_named(weights: Path, options: dict[str, str], message: str) -> None:
    with pytest.raises(DRBNError, match=message):
        load_enhancer(weights / "band.pt", **options)  # type: ignore[arg-type]


def test_the_package_offers_it_without_loading_torch_before() -> None:
    assert drbn_lightning.load_enhancer is load_enhancer
    assert not hasattr(drbn_lightning, "nothing")
    code = "import sys, drbn_lightning; assert 'torch' not in sys.modules; drbn_lightning.load_enhancer; "
    code += "heavy = {'torch', 'torchvision', 'pytorch_lightning', 'hydra', 'onnx'}; print(heavy & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
