import json
import logging
import sys
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from drbn_lightning.bands import Bands
from drbn_lightning.checkpoints.artifact import identity
from drbn_lightning.checkpoints.enhancement_model import EnhancementModel, load_model
from drbn_lightning.errors import DRBNError
from drbn_lightning.files import UnwritableError
from drbn_lightning.inference.runtimes import export
from drbn_lightning.inference.runtimes.export import SIZES, TOLERANCE, cached_export, exported, verify
from drbn_lightning.inference.runtimes.onnx import open_onnx
from drbn_lightning.inference.runtimes.openvino import open_openvino
from tests.inference.runtimes.exporting import artifact, example, full, small_content, small_file, small_model
from tests.marks import slow_but
from tests.tensor_methods import tensors

pytestmark = pytest.mark.runtimes

SHAPES = [(1, 3, 1, 1), (2, 3, 37, 41), (1, 3, 64, 48), (1, 3, 3, 90), (3, 3, 6, 5)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", slow_but({"band"}, ["band", "learned", "unet", "bounded", "flat"]))
def test_it_gives_what_torch_gives_at_any_size(tmp_path: Path, kind: str, shape: tuple[int, ...]) -> None:
    path, (low, thumbnail) = small_file(tmp_path, kind), example(*shape)
    expected = full(small_model(kind), low, thumbnail)
    for method in (tensors(open_onnx(path)), tensors(open_openvino(path))):
        result = method(low, thumbnail)
        assert result.shape == low.shape
        assert result.dtype == torch.float32
        torch.testing.assert_close(result, expected, atol=1e-5, rtol=0)
    assert (expected - low).abs().max() > 0.01  # a network that gives its input would pass all the same


def test_the_whole_images_mean_matters(tmp_path: Path) -> None:
    method, (low, thumbnail) = tensors(open_onnx(small_file(tmp_path))), example(2, 3, 12, 10)
    brighter = method(low, torch.stack([thumbnail[0], thumbnail[1] / 2]))
    before = method(low, thumbnail)
    assert torch.equal(brighter[0], before[0])
    assert not torch.allclose(brighter[1], before[1], atol=1e-2)


@pytest.mark.slow
def test_the_default_network_is_exported(tmp_path: Path) -> None:
    from drbn_lightning.networks.drbn import DRBN

    band = artifact("band", DRBN)
    model = EnhancementModel("band", band.network, {"band": band})
    verified = exported(model, tmp_path / "band.onnx")
    assert [input.shape for input in verified] == list(SIZES)
    assert max(input.difference for input in verified) <= TOLERANCE
    low, thumbnail = example(1, 3, 401, 603)
    result = tensors(open_onnx(tmp_path / "band.onnx"))(low, thumbnail)
    assert (result - full(model, low, thumbnail)).abs().max() <= TOLERANCE


@pytest.mark.slow
@pytest.mark.reference
@pytest.mark.parametrize("stage", ["band", "recompose"])
def test_the_released_networks_are_exported(reference: Path, tmp_path: Path, stage: str) -> None:
    first, second = (reference / "reference" / f"official_{name}.pt" for name in ("stage1", "stage2_recompose"))
    model = load_model(first) if stage == "band" else load_model(second, first)
    path = tmp_path / "released.onnx"
    exported(model, path)
    for shape in ((1, 3, 97, 150), (2, 3, 66, 35)):
        low, thumbnail = example(*shape)
        expected = full(model, low, thumbnail)
        for method in (tensors(open_onnx(path)), tensors(open_openvino(path))):
            assert (method(low, thumbnail) - expected).abs().max() <= TOLERANCE


@pytest.mark.slow
def test_the_file_says_what_it_is_and_nothing_of_this_machine(tmp_path: Path) -> None:
    import onnx

    network, path = small_model("unet"), small_file(tmp_path, "unet")
    model = onnx.load(path)
    properties = {entry.key: entry.value for entry in model.metadata_props}
    assert (properties["stage"], properties["identity"]) == ("recompose", identity(network.network))
    assert set(json.loads(properties["parts"])) == {"band", "recompose"}
    assert json.loads(properties["trained_on"]) == ["pairs of band", "pairs of recompose"]
    sizes = {
        value.name: [side.dim_param or side.dim_value for side in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    }
    image = ["batch", 3, "height", "width"]
    assert sizes == {"low": image, "thumbnail": ["batch", 3, 48, 48], "full": image}
    assert "WHOLE image" in properties["thumbnail"]
    content = path.read_bytes()
    for word in ("site-packages", str(Path(export.__file__).parent), "forward"):
        assert word.encode() not in content


def test_the_network_itself_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, content = small_model(), small_content("band")
    monkeypatch.setattr(export, "_content", lambda network, properties, opset: content)
    model.network.train().double()
    exported(model, tmp_path / "band.onnx")
    assert model.network.training
    assert all(parameter.dtype == torch.float64 for parameter in model.network.parameters())
    assert all(parameter.requires_grad for parameter in model.network.parameters())


def test_a_file_that_is_there_is_replaced_only_where_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = small_content("band")
    monkeypatch.setattr(export, "_content", lambda network, properties, opset: content)
    path = tmp_path / "band.onnx"
    path.write_text("mine")
    with pytest.raises(DRBNError, match=r"band\.onnx .*--overwrite"):
        exported(small_model(), path)
    assert path.read_text() == "mine"
    exported(small_model(), path, overwrite=True)
    assert path.read_bytes() == small_content("band")


def test_other_suffixes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DRBNError, match=r"band\.pt .*\.onnx"):
        exported(small_model(), tmp_path / "band.pt")


def test_a_difference_from_torch_is_an_error_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = small_model(guess_mean=0.43)
    content = small_content("band")
    monkeypatch.setattr(export, "_content", lambda network, properties, opset: content)
    with pytest.raises(DRBNError, match=r"\(1, 3, 64, 96\) .* 0\.0"):
        exported(other, tmp_path / "new" / "band.onnx")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_number_is_a_difference() -> None:
    network = deepcopy(small_model().network)
    next(network.parameters()).data.fill_(float("nan"))
    with pytest.raises(DRBNError, match=" nan"):
        verify(FullOnly(network), small_content("band"), "band.onnx")


def test_another_size_is_an_error() -> None:
    network = FullOnly(small_model().network)
    network.rows = 1
    with pytest.raises(DRBNError, match=r"\(1, 3, 64, 96\)"):
        verify(network, small_content("band"), "band.onnx")


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(DRBNError, match=rf"{package}.*'drbn-lightning\[onnx\]'"):
        exported(small_model(), tmp_path / "band.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_cannot_be_exported_is_an_error(tmp_path: Path) -> None:
    band = small_model().parts["band"]._replace(network=Undecided())
    with pytest.raises(DRBNError, match=r"torch\.export"):
        exported(EnhancementModel("band", band.network, {"band": band}), tmp_path / "band.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_an_opset_that_cannot_be_had_is_an_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(DRBNError, match="opset=11"):
        exported(small_model(), tmp_path / "band.onnx", opset=11)
    assert list(tmp_path.iterdir()) == []
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_an_unwritable_place_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = small_content("band")
    monkeypatch.setattr(export, "_content", lambda network, properties, opset: content)
    (tmp_path / "file").touch()
    with pytest.raises(UnwritableError, match=r"band\.onnx"):
        exported(small_model(), tmp_path / "file" / "band.onnx")


class FullOnly(nn.Module):
    """The full band, or its first rows."""

    rows: int | None = None

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, low: Tensor, thumbnail: Tensor) -> Tensor:
        full: Tensor = self.network(low, thumbnail).full
        return full[..., : self.rows, :]


class Undecided(nn.Module):
    """Its graph depends on the values of its input."""

    def forward(self, low: Tensor, thumbnail: Tensor) -> Bands:
        if low.mean() > 0.5:
            return Bands(low, low, low)
        return Bands(low * 2, low, low)


def test_a_network_is_exported_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = list[Path]()

    def fake(model: EnhancementModel, path: Path, *, overwrite: bool) -> None:
        path.write_bytes(small_content("band"))
        made.append(path)

    monkeypatch.setattr(export, "exported", fake)
    first = cached_export(small_model(), tmp_path)
    assert cached_export(small_model(), tmp_path) == first
    assert made == [first]
    other = small_model()
    next(other.network.parameters()).data += 1e-6
    # Other arguments make another network of the same parameters.
    paths = [cached_export(untiled, tmp_path) for untiled in (other, small_model(guess_mean=0.5), small_model("unet"))]
    assert len({first, *paths}) == len(made) == 4


def test_the_cache_is_filled_by_the_real_exporter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drbn_lightning.inference.runtimes.export._content", lambda *_: small_content("band"))
    path = cached_export(small_model(), tmp_path / "new")
    low, thumbnail = example(1, 3, 9, 9)
    result = tensors(open_onnx(path))(low, thumbnail)
    torch.testing.assert_close(result, full(small_model(), low, thumbnail), atol=1e-5, rtol=0)
    assert list((tmp_path / "new").iterdir()) == [path]
