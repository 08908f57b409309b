from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from drbn_lightning.checkpoints.enhancement_model import load_model
from drbn_lightning.errors import DRBNError
from drbn_lightning.inference.enhancer import Enhancer, NetworkInfo, Runner
from drbn_lightning.inference.loading import load_enhancer
from drbn_lightning.inference.tiling import Tiles, regions
from drbn_lightning.types import Pixels
from tests.inference.small_images import image

INFO = NetworkInfo("own", "band", ("band",))
SIZES = [(1, 1), (1, 9), (3, 5), (37, 41)]


@pytest.mark.parametrize("stage", ["band", "recompose"])
@pytest.mark.parametrize("size", SIZES)
def test_a_call_does_what_the_network_does(weights: Path, stage: str, size: tuple[int, int]) -> None:
    enhance = load_enhancer(weights / f"{stage}.pt", precision="float32", device="cpu")
    assert enhance.stage == enhance.info.stage == stage
    for dtype, white in (("uint8", 255), ("uint16", 65535), ("float32", 1)):
        photo = image(*size, dtype)
        low = torch.from_numpy(photo.astype(np.float32) / np.float32(white)).permute(2, 0, 1)[None]
        with torch.inference_mode():
            full = load_model(weights / f"{stage}.pt").network(low).full[0].permute(1, 2, 0).clamp(0, 1).numpy()
        result = enhance(photo)
        assert (result.shape, result.dtype) == (photo.shape, photo.dtype)
        np.testing.assert_allclose(result.astype(float), full * white, atol=1e-5 if white == 1 else white * 1e-5 + 0.51)


def test_every_kind_gives_the_same_image(weights: Path) -> None:
    enhance = load_enhancer(weights / "band.pt", precision="float32", device="cpu")
    photo = image(20, 30)
    array, pillow = enhance(photo), enhance(Image.fromarray(photo))
    tensor = enhance(torch.from_numpy(photo).permute(2, 0, 1)[None] / 255)
    np.testing.assert_array_equal(np.asarray(pillow), array)
    assert tensor.shape == (1, 3, 20, 30)
    np.testing.assert_allclose(tensor[0].permute(1, 2, 0).numpy() * 255, array, atol=0.51)
    gray = enhance(photo[..., 0])
    assert gray.shape == (20, 30)


def test_other_kinds_are_refused(weights: Path) -> None:
    with pytest.raises(DRBNError, match=" list"):
        load_enhancer(weights / "band.pt")([[1]])  # type: ignore[type-var]
    with pytest.raises(DRBNError, match=" list"):
        load_enhancer(weights / "band.pt", strength=0)([[1]])  # type: ignore[type-var]


@pytest.mark.parametrize("photo", [image(4, 4)[..., 0], image(4, 4, "float64"), image(4, 4)[..., :2]])
def test_arrays_of_another_kind_are_no_colours(weights: Path, photo: Pixels) -> None:
    with pytest.raises(DRBNError, match=r"\(H, W"):
        load_enhancer(weights / "band.pt").enhance_array(photo)


def test_strength_0_gives_the_very_image(weights: Path) -> None:
    enhance = load_enhancer(weights / "band.pt", strength=0)
    for dtype in ("uint8", "uint16", "float32", "float64"):
        photo = image(9, 10, dtype)
        result = enhance(photo)
        np.testing.assert_array_equal(result, photo)
        assert not np.shares_memory(result, photo)
    palette = Image.fromarray(image(9, 10)).convert("P")
    found_image = enhance(palette)
    assert (found_image.mode, found_image.tobytes()) == ("P", palette.tobytes())
    tensor = torch.rand(3, 4, 5, dtype=torch.float64)
    assert torch.equal(enhance(tensor), tensor)


def test_strength_goes_from_the_image_to_the_result(weights: Path) -> None:
    photo = image(9, 10, "float32")
    all_of_it = load_enhancer(weights / "band.pt")(photo)
    third = load_enhancer(weights / "band.pt", strength=0.3)(photo)
    np.testing.assert_allclose(third, photo + 0.3 * (all_of_it - photo), atol=1e-6)


@pytest.mark.parametrize("strength", [-0.1, 1.01, float("nan")])
def test_a_strength_out_of_range_is_refused(weights: Path, strength: float) -> None:
    with pytest.raises(DRBNError, match="strength="):
        load_enhancer(weights / "band.pt", strength=strength)


def test_self_ensemble_turns_with_the_image(weights: Path) -> None:
    enhance = load_enhancer(weights / "band.pt", self_ensemble=True)
    photo = image(16, 20, "float32")
    turned = np.ascontiguousarray(np.rot90(photo))
    np.testing.assert_allclose(enhance(turned), np.rot90(enhance(photo)), atol=1e-5)


def test_tiles_show_no_seam(weights: Path) -> None:
    photo = image(500, 420, "float32")
    untiled = load_enhancer(weights / "recompose.pt")(photo)
    tiled = load_enhancer(weights / "recompose.pt", tile_size=400)(photo)
    assert len(regions(500, 420, Tiles(400))) > 1
    np.testing.assert_allclose(tiled, untiled, atol=2e-6)


def test_tiles_that_are_too_small_are_refused(weights: Path) -> None:
    with pytest.raises(DRBNError, match="64 pixels"):
        load_enhancer(weights / "band.pt", tile_size=64)


def test_progress_reaches_the_end(weights: Path) -> None:
    told = list[tuple[int, int]]()
    load_enhancer(weights / "band.pt").enhance_array(image(9, 10), lambda done, total: told.append((done, total)))
    assert told == [(90, 90)]


def test_8_bits_and_more_bits_may_be_worked_on_in_different_ways() -> None:
    def constant(value: float) -> Runner:
        return Runner(lambda low, thumbnail: np.full_like(low, value), Tiles())

    enhance = Enhancer(INFO, constant(0.0), constant(1.0))
    assert (enhance(image(4, 4)) == 0).all()
    assert (enhance(image(4, 4, "uint16")) == 65535).all()
    assert (enhance(torch.rand(3, 4, 4)) == 1).all()


def test_threads_take_turns() -> None:
    working = list[int]()

    def method(low: Pixels, thumbnail: Pixels) -> Pixels:
        working.append(1)
        assert len(working) == 1
        torch.rand(200, 200) @ torch.rand(200, 200)
        working.pop()
        return low

    runner = Runner(method, Tiles())
    enhance = Enhancer(INFO, runner, runner)
    photos = [image(30 + n, 30) for n in range(16)]
    with ThreadPoolExecutor(8) as pool:
        for before, result in zip(photos, pool.map(enhance, photos), strict=True):
            np.testing.assert_array_equal(result, before)


@pytest.mark.reference
@pytest.mark.slow
def test_tiles_of_real_weights_show_no_seam(reference: Path) -> None:
    with Image.open(reference / "data" / "low-light" / "01.jpg") as image:  # the worst of those that were tried
        photo = np.asarray(image.convert("RGB"))
    path = reference / "reference" / "official_stage1.pt"
    untiled = load_enhancer(path, device="cpu", precision="float32")(photo)
    tiled = load_enhancer(path, device="cpu", precision="float32", tile_size=448)(photo)
    assert len(regions(photo.shape[0], photo.shape[1], Tiles(448))) > 1
    error = np.square(untiled.astype(float) - tiled).mean()
    assert 10 * np.log10(255**2 / max(error, 1e-9)) >= 50


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_a_cutout_does_not_depend_on_what_nobody_sees(weights: Path, dtype: str) -> None:
    enhance = load_enhancer(weights / "band.pt", precision="float32", device="cpu")
    photo = image(12, 16, dtype)
    white = 1 if dtype == "float32" else np.iinfo(dtype).max
    alone = enhance(photo)
    for surround in (0, white):
        cutout = np.full((36, 48, 4), surround, dtype)
        cutout[..., 3] = 0
        cutout[12:24, 16:32, :3], cutout[12:24, 16:32, 3] = photo, white
        np.testing.assert_array_equal(enhance(cutout)[12:24, 16:32, :3], alone)
    holes = cutout[12:24, 16:32].copy()
    holes[3:6, 4:8, 3] = 0
    results = list[Pixels]()
    for hidden in (0, white):
        holes[3:6, 4:8, :3] = hidden
        results.append(enhance(holes))
        assert results[-1][..., :3].mean() == pytest.approx(alone.mean(), rel=0.1)
    np.testing.assert_array_equal(results[0][..., :3], results[1][..., :3])
