from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from drbn_lightning.errors import DRBNError
from drbn_lightning.networks.vgg import IMAGENET_MEAN, IMAGENET_STD, VGG16Features
from tests.golden import image, vgg_state
from tests.running import equal

DOWNLOAD = "torch.hub.load_state_dict_from_url"


def archive(folder: Path, state: dict[str, Tensor] | None = None) -> str:
    path = folder / "vgg.npz"
    arrays: dict[str, Any] = {name: x.numpy() for name, x in (vgg_state() if state is None else state).items()}
    np.savez(path, **arrays)
    return str(path)


@pytest.fixture
def network(tmp_path: Path) -> VGG16Features:
    return VGG16Features(archive(tmp_path), normalize=False)


@torch.no_grad()
def test_values(network: VGG16Features) -> None:
    state, stack, expected = vgg_state(), image(1), []
    for place in (0, 2, 5, 7):
        if place == 5:
            stack = functional.max_pool2d(stack, 2)
        weight, bias = state[f"features.{place}.weight"], state[f"features.{place}.bias"]
        stack = functional.conv2d(stack, weight, bias, padding=1).clamp(min=0)
        expected.append(stack)
    result = network(image(1))
    assert list(result) == list(network.layers) == ["relu1_1", "relu1_2", "relu2_1", "relu2_2"]
    for one, other in zip(result.values(), expected, strict=True):
        torch.testing.assert_close(one, other)


@torch.no_grad()
def test_normalisation_is_imagenets(network: VGG16Features, tmp_path: Path) -> None:
    mean, std = (torch.tensor(values).reshape(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    result = VGG16Features(archive(tmp_path))(image(1))
    for one, other in zip(result.values(), network((image(1) - mean) / std).values(), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("size", [(1, 1), (1, 6), (2, 3), (17, 8)])
@torch.no_grad()
def test_any_size(network: VGG16Features, size: tuple[int, int]) -> None:
    result = network(torch.rand(2, 3, *size))
    for name, features in result.items():
        expected = size if name.startswith("relu1") else tuple(max(1, side // 2) for side in size)
        if min(size) == 1 and name.startswith("relu2"):
            expected = tuple(-(-side // 2) for side in size)
        assert features.shape[-2:] == expected
        assert features.isfinite().all()


@torch.no_grad()
def test_an_odd_last_row_is_dropped_as_vgg_does(network: VGG16Features) -> None:
    features = network(torch.rand(1, 3, 9, 8))
    pooled = functional.max_pool2d(features["relu1_2"], 2)
    torch.testing.assert_close(features["relu2_1"], torch.relu(network.features[5](pooled)))


def test_gradients_reach_the_image(network: VGG16Features) -> None:
    x = torch.rand(1, 3, 8, 8, requires_grad=True)
    for features in network(x).values():
        (gradient,) = torch.autograd.grad(features.sum(), x, retain_graph=True)
        assert gradient.isfinite().all()
        assert gradient.abs().sum() > 0


@pytest.mark.parametrize("name", ["vgg.pth", "vgg.pt"])
def test_a_torch_file_will_do_and_more_layers_are_ignored(tmp_path: Path, name: str) -> None:
    torch.save(vgg_state() | {"classifier.0.weight": torch.zeros(2)}, tmp_path / name)
    assert equal(VGG16Features(str(tmp_path / name)).state_dict(), vgg_state())


def test_the_names_are_torchvisions() -> None:
    models = pytest.importorskip("torchvision.models")
    with torch.device("meta"):
        theirs = models.vgg16().state_dict()
    assert all(theirs[name].shape == tensor.shape for name, tensor in vgg_state().items())


def test_without_a_file_the_weights_are_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, dict[str, Any]]] = []

    def download(url: str, **options: Any) -> dict[str, Tensor]:  # noqa: ANN401 as in torch
        asked.append((url, options))
        return vgg_state() | {"classifier.0.weight": torch.zeros(2)}

    monkeypatch.setattr(DOWNLOAD, download)
    assert equal(VGG16Features().state_dict(), vgg_state())
    ((url, options),) = asked
    assert url.rpartition("/")[2] == "vgg16-397923af.pth"
    assert options["check_hash"]
    assert options["weights_only"]


@pytest.mark.parametrize(
    "reason", [URLError("Name or service not known"), RuntimeError("invalid hash value"), OSError()]
)
def test_without_a_network_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, reason: Exception) -> None:
    def download(url: str, **options: object) -> dict[str, Tensor]:
        raise reason

    monkeypatch.setattr(DOWNLOAD, download)
    with pytest.raises(DRBNError, match=r"perceptual\.weights=PATH") as error:
        VGG16Features()
    assert len(str(error.value).splitlines()) == 1


def refused(path: Path | str, message: str) -> None:
    with pytest.raises(DRBNError, match=message) as refusal:
        VGG16Features(str(path))
    assert str(path) in str(refusal.value)
    assert len(str(refusal.value).splitlines()) == 1


def test_a_missing_file(tmp_path: Path) -> None:
    refused(tmp_path / "gone.npz", r"exist.*perceptual\.weights")
    refused(tmp_path, "exist")


@pytest.mark.parametrize("name", ["a.npz", "a.pth"])
@pytest.mark.parametrize("content", [b"", b"no weights\n", b"PK\x03\x04", bytes(500)])
def test_a_damaged_file(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    refused(tmp_path / name, "damaged")


def test_a_truncated_file(tmp_path: Path) -> None:
    path = Path(archive(tmp_path))
    path.write_bytes(path.read_bytes()[:100_000])
    refused(path, "damaged")


def test_a_file_of_something_else(tmp_path: Path) -> None:
    torch.save(torch.zeros(2), tmp_path / "a.pt")
    refused(tmp_path / "a.pt", "Tensor")
    np.savez(tmp_path / "b.npz", weight=np.array(["text"]))
    refused(tmp_path / "b.npz", "read")
    refused(archive(tmp_path, {"other": torch.zeros(2)}), r"features\.0\.weight.*VGG16's")


def test_tensors_of_another_network(tmp_path: Path) -> None:
    state = vgg_state()
    del state["features.5.bias"]
    refused(archive(tmp_path, state), r"features\.5\.bias")
    state = vgg_state() | {"features.2.weight": torch.zeros(64, 3, 3, 3)}
    refused(archive(tmp_path, state), r"features\.2\.weight .*\(64, 3, 3, 3\).*\(64, 64, 3, 3\)")
    torch.save(vgg_state() | {"features.0.bias": "text"}, tmp_path / "a.pt")
    refused(tmp_path / "a.pt", r"features\.0\.bias")


@pytest.mark.reference
@torch.no_grad()
def test_the_real_weights_see_edges(reference: Path) -> None:
    network = VGG16Features(str(reference / "weights" / "vgg16_conv1_2_rgb.npz"))
    flat = torch.full((1, 3, 64, 64), 0.5)
    edge = flat.clone()
    edge[..., 32:] = 0.8
    for name, features in network(edge).items():
        change = (features - network(flat)[name]).abs().mean(dim=(0, 1, 2))
        middle = len(change) // 2
        assert change[middle - 1 : middle + 1].mean() > 1.2 * change[4 : middle - 4].mean(), name
