import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import drbn_lightning
from drbn_lightning.checkpoints import pretrained
from drbn_lightning.errors import DRBNError
from drbn_lightning.inference import loading
from drbn_lightning.inference.loading import TILE_SIZES, load_enhancer
from drbn_lightning.inference.tiling import Tiles
from drbn_lightning.names import RUNTIMES
from drbn_lightning.types import Method
from tests.inference.small_images import image


def test_weights_of_the_package_are_the_default(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained, "weights_folder", lambda: weights)
    assert load_enhancer().stage == pretrained.DEFAULT_STAGE
    assert load_enhancer(stage="band").stage == "band"
    assert load_enhancer(stage="recompose").stage == "recompose"
    with pytest.raises(DRBNError, match="stage=quality"):
        load_enhancer(stage="quality")


def test_stage_1_can_be_had_out_of_both(weights: Path) -> None:
    photo = image(9, 10)
    both, first = load_enhancer(weights / "recompose.pt"), load_enhancer(weights / "recompose.pt", stage="band")
    assert (first.stage, list(first.model.parts)) == ("band", ["band"])
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

    monkeypatch.setattr(loading, "kept_export", lambda model: tmp_path / f"{model.stage}.onnx")
    monkeypatch.setattr(loading, f"open_{runtime}", opener)
    enhance = load_enhancer(weights / "band.pt", runtime=runtime, precision="float32")
    assert (enhance(image(5, 6)) == 255).all()
    assert opened == [(tmp_path / "band.onnx", "float32")]  # once for all kinds of images


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"runtime": "tensorrt"}, "runtime=tensorrt .*torch, onnx, openvino"),
        ({"runtime": "onnx", "device": "cuda"}, "runtime=onnx.*CPU"),
        ({"runtime": "onnx", "precision": "bfloat16"}, "precision=bfloat16.*runtime=onnx"),
        ({"precision": "double"}, "precision=double"),
        ({"device": "nowhere"}, "device=nowhere"),
    ],
)
def test_wrong_options_are_named(weights: Path, options: dict[str, str], message: str) -> None:
    with pytest.raises(DRBNError, match=message):
        load_enhancer(weights / "band.pt", **options)  # type: ignore[arg-type]


def test_every_runtime_has_tiles_that_fit_their_overlap() -> None:
    assert {runtime for runtime, _ in TILE_SIZES} == set(RUNTIMES)
    for size in TILE_SIZES.values():
        Tiles(size).check()


def test_the_package_offers_it_without_loading_torch_before() -> None:
    assert drbn_lightning.load_enhancer is load_enhancer
    assert not hasattr(drbn_lightning, "nothing")
    code = "import sys, drbn_lightning; assert 'torch' not in sys.modules; drbn_lightning.load_enhancer; "
    code += (
        "heavy = {'torchmetrics', 'torchvision', 'pytorch_lightning', 'hydra', 'onnx'}; print(heavy & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
