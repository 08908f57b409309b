import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import drbn_lightning
from drbn_lightning.checkpoints import pretrained
from drbn_lightning.checkpoints.artifact import NetworkDescription, header, load, save
from drbn_lightning.checkpoints.enhancement_model import load_whole
from drbn_lightning.errors import DRBNError
from drbn_lightning.inference.enhancer import TILE_SIZES, Enhancer, Runner, load_enhancer
from drbn_lightning.inference.runtimes import openvino
from drbn_lightning.inference.tiling import Tiles, regions
from drbn_lightning.names import RUNTIMES
from drbn_lightning.networks.drbn import DRBN
from drbn_lightning.networks.recomposition import FlatRecomposer
from drbn_lightning.types import Method, Pixels

BAND = {"recursions": 1, "base_channels": 4, "growth_rate": 2}
RECOMPOSER = {"channels": 4, "growth_rate": 2}
SIZES = [(1, 1), (1, 9), (3, 5), (37, 41)]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of untrained weights of both stages, with their digests."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("weights")
    for stage, kind, arguments in (("band", DRBN, BAND), ("recompose", FlatRecomposer, RECOMPOSER)):
        needs = {"band": load(folder / "band.pt").reference(folder / "band.pt")} if stage == "recompose" else {}
        description = NetworkDescription(f"{kind.__module__}.{kind.__name__}", dict(arguments))
        network = kind(**arguments)  # type: ignore[arg-type]
        save(folder / f"{stage}.pt", header(stage, description, {}, [], needs), network.state_dict())
    pretrained.record(folder)
    return folder


def image(height: int, width: int, dtype: str = "uint8") -> Pixels:
    values = np.random.default_rng(height).random((height, width, 3)) * 0.3
    return values.astype(dtype) if dtype[0] == "f" else (values * np.iinfo(dtype).max).astype(dtype)


@pytest.mark.parametrize("stage", ["band", "recompose"])
@pytest.mark.parametrize("size", SIZES)
def test_a_call_does_what_the_network_does(weights: Path, stage: str, size: tuple[int, int]) -> None:
    enhance = load_enhancer(weights / f"{stage}.pt", precision="float32", device="cpu")
    assert enhance.stage == enhance.whole.stage == stage
    for dtype, white in (("uint8", 255), ("uint16", 65535), ("float32", 1)):
        given = image(*size, dtype)
        low = torch.from_numpy(given.astype(np.float32) / np.float32(white)).permute(2, 0, 1)[None]
        with torch.inference_mode():
            full = load_whole(weights / f"{stage}.pt").network(low).full[0].permute(1, 2, 0).clamp(0, 1).numpy()
        found = enhance(given)
        assert (found.shape, found.dtype) == (given.shape, given.dtype)
        np.testing.assert_allclose(found.astype(float), full * white, atol=1e-5 if white == 1 else white * 1e-5 + 0.51)


def test_every_kind_gives_the_same_image(weights: Path) -> None:
    enhance = load_enhancer(weights / "band.pt", precision="float32", device="cpu")
    given = image(20, 30)
    array, pillow = enhance(given), enhance(Image.fromarray(given))
    tensor = enhance(torch.from_numpy(given).permute(2, 0, 1)[None] / 255)
    np.testing.assert_array_equal(np.asarray(pillow), array)
    assert tensor.shape == (1, 3, 20, 30)
    np.testing.assert_allclose(tensor[0].permute(1, 2, 0).numpy() * 255, array, atol=0.51)
    gray = enhance(given[..., 0])
    assert gray.shape == (20, 30)


def test_other_kinds_are_refused(weights: Path) -> None:
    with pytest.raises(DRBNError, match="a Pillow image or a tensor, not a list"):
        load_enhancer(weights / "band.pt")([[1]])  # type: ignore[type-var]
    with pytest.raises(DRBNError, match="not a list"):
        load_enhancer(weights / "band.pt", strength=0)([[1]])  # type: ignore[type-var]


@pytest.mark.parametrize("given", [image(4, 4)[..., 0], image(4, 4, "float64"), image(4, 4)[..., :2]])
def test_arrays_of_another_kind_are_no_colours(weights: Path, given: Pixels) -> None:
    with pytest.raises(DRBNError, match=r"must be \(H, W"):
        load_enhancer(weights / "band.pt").enhance_array(given)


def test_strength_0_gives_the_very_image(weights: Path) -> None:
    enhance = load_enhancer(weights / "band.pt", strength=0)
    for dtype in ("uint8", "uint16", "float32", "float64"):
        given = image(9, 10, dtype)
        found = enhance(given)
        np.testing.assert_array_equal(found, given)
        assert not np.shares_memory(found, given)
    palette = Image.fromarray(image(9, 10)).convert("P")
    found_image = enhance(palette)
    assert (found_image.mode, found_image.tobytes()) == ("P", palette.tobytes())
    tensor = torch.rand(3, 4, 5, dtype=torch.float64)
    assert torch.equal(enhance(tensor), tensor)


def test_strength_goes_from_the_image_to_the_result(weights: Path) -> None:
    given = image(9, 10, "float32")
    all_of_it = load_enhancer(weights / "band.pt")(given)
    third = load_enhancer(weights / "band.pt", strength=0.3)(given)
    np.testing.assert_allclose(third, given + 0.3 * (all_of_it - given), atol=1e-6)


@pytest.mark.parametrize("strength", [-0.1, 1.01, float("nan")])
def test_a_strength_out_of_range_is_refused(weights: Path, strength: float) -> None:
    with pytest.raises(DRBNError, match=r"strength=.* is not between 0 and 1"):
        load_enhancer(weights / "band.pt", strength=strength)


def test_self_ensemble_turns_with_the_image(weights: Path) -> None:
    enhance = load_enhancer(weights / "band.pt", self_ensemble=True)
    given = image(16, 20, "float32")
    turned = np.ascontiguousarray(np.rot90(given))
    np.testing.assert_allclose(enhance(turned), np.rot90(enhance(given)), atol=1e-5)


def test_tiles_show_no_seam(weights: Path) -> None:
    given = image(500, 420, "float32")
    whole = load_enhancer(weights / "recompose.pt")(given)
    tiled = load_enhancer(weights / "recompose.pt", tile_size=400)(given)
    assert len(regions(500, 420, Tiles(400))) > 1
    np.testing.assert_allclose(tiled, whole, atol=2e-6)


def test_tiles_that_are_too_small_are_refused(weights: Path) -> None:
    with pytest.raises(DRBNError, match="tiles of 64 pixels are too small; use at least"):
        load_enhancer(weights / "band.pt", tile_size=64)


def test_progress_reaches_the_end(weights: Path) -> None:
    told = list[tuple[int, int]]()
    load_enhancer(weights / "band.pt").enhance_array(image(9, 10), lambda done, total: told.append((done, total)))
    assert told == [(90, 90)]


def test_8_bits_and_more_bits_may_be_worked_on_in_different_ways(weights: Path) -> None:
    def constant(value: float) -> Runner:
        return Runner(lambda low, thumbnail: torch.full_like(low, value), Tiles())

    enhance = Enhancer(load_whole(weights / "band.pt"), constant(0.0), constant(1.0))
    assert (enhance(image(4, 4)) == 0).all()
    assert (enhance(image(4, 4, "uint16")) == 65535).all()
    assert (enhance(torch.rand(3, 4, 4)) == 1).all()


def test_threads_take_turns(weights: Path) -> None:
    working = list[int]()

    def method(low: Tensor, thumbnail: Tensor) -> Tensor:
        working.append(1)
        assert len(working) == 1
        torch.rand(200, 200) @ torch.rand(200, 200)
        working.pop()
        return low

    runner = Runner(method, Tiles())
    enhance = Enhancer(load_whole(weights / "band.pt"), runner, runner)
    given = [image(30 + n, 30) for n in range(16)]
    with ThreadPoolExecutor(8) as pool:
        for one, found in zip(given, pool.map(enhance, given), strict=True):
            np.testing.assert_array_equal(found, one)


def test_weights_of_the_package_are_the_default(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained, "weights_folder", lambda: weights)
    assert load_enhancer().stage == pretrained.DEFAULT_STAGE
    assert load_enhancer(stage="band").stage == "band"
    assert load_enhancer(stage="recompose").stage == "recompose"
    with pytest.raises(DRBNError, match="stage=quality ships no weights"):
        load_enhancer(stage="quality")


def test_stage_1_can_be_had_out_of_both(weights: Path) -> None:
    given = image(9, 10)
    both, first = load_enhancer(weights / "recompose.pt"), load_enhancer(weights / "recompose.pt", stage="band")
    assert (first.stage, list(first.whole.parts)) == ("band", ["band"])
    np.testing.assert_array_equal(first(given), load_enhancer(weights / "band.pt")(given))
    assert (both(given) != first(given)).any()
    with pytest.raises(DRBNError, match=r"band\.pt is a checkpoint of stage=band, and stage=recompose is asked for"):
        load_enhancer(weights / "band.pt", stage="recompose")


@pytest.mark.parametrize("runtime", ["onnx", "openvino"])
def test_other_runtimes_run_the_exported_network(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runtime: str
) -> None:
    opened = list[tuple[Path, str]]()

    def opener(path: Path, *, precision: str = "float32") -> Method:
        opened.append((path, precision))
        return lambda low, thumbnail: torch.ones_like(low)

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(openvino, "cached_export", lambda whole, folder: folder / f"{whole.stage}.onnx")
    monkeypatch.setattr(openvino, f"open_{runtime}", opener)
    enhance = load_enhancer(weights / "band.pt", runtime=runtime, precision="float32")
    assert (enhance(image(5, 6)) == 255).all()
    assert opened == [(tmp_path / "drbn_lightning" / "band.onnx", "float32")]  # once for all kinds of images


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"runtime": "tensorrt"}, "runtime=tensorrt is unknown; use torch, onnx, openvino"),
        ({"runtime": "onnx", "device": "cuda"}, "runtime=onnx runs on the CPU only"),
        ({"runtime": "onnx", "precision": "bfloat16"}, "precision=bfloat16 is unknown to runtime=onnx"),
        ({"precision": "double"}, "precision=double is unknown"),
        ({"device": "nowhere"}, "device=nowhere does not work here"),
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


@pytest.mark.reference
@pytest.mark.slow
def test_tiles_of_real_weights_show_no_seam(reference: Path) -> None:
    with Image.open(reference / "data" / "low-light" / "01.jpg") as image:  # the worst of those that were tried
        given = np.asarray(image.convert("RGB"))
    path = reference / "reference" / "official_stage1.pt"
    whole = load_enhancer(path, device="cpu", precision="float32")(given)
    tiled = load_enhancer(path, device="cpu", precision="float32", tile_size=448)(given)
    assert len(regions(given.shape[0], given.shape[1], Tiles(448))) > 1
    error = np.square(whole.astype(float) - tiled).mean()
    assert 10 * np.log10(255**2 / max(error, 1e-9)) >= 50
