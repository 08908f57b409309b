from pathlib import Path

import pytest
import torch
from torch import Tensor

from drbn_lightning.errors import DRBNError
from drbn_lightning.metrics.lpips import BACKBONES, LPIPS, lpips_metric

CONVOLUTIONS = {
    "alex": [(0, 64, 3, 11), (3, 192, 64, 5), (6, 384, 192, 3), (8, 256, 384, 3), (10, 256, 256, 3)],
    "vgg": [
        (place, outputs, inputs, 3)
        for place, outputs, inputs in zip(
            (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28),
            (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512),
            (3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512),
            strict=True,
        )
    ],
}


def weights_file(path: Path, backbone: str = "alex", seed: int = 0) -> Path:
    """Random weights under torchvision's names, with a layer of the classifier that nobody needs."""
    generator = torch.Generator().manual_seed(seed)
    state = {"classifier.1.weight": torch.zeros(2, 2)}
    for place, outputs, inputs, size in CONVOLUTIONS[backbone]:
        scale = (2 / (inputs * size**2)) ** 0.5
        shape = (outputs, inputs, size, size)
        state[f"features.{place}.weight"] = scale * torch.randn(shape, generator=generator)
        state[f"features.{place}.bias"] = torch.zeros(outputs)
    torch.save(state, path)
    return path


@pytest.fixture(scope="module")
def alex(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return weights_file(tmp_path_factory.mktemp("weights") / "alex.pth")


def images(height: int = 40, width: int = 48) -> tuple[Tensor, Tensor]:
    first, second = torch.rand(2, 2, 3, height, width, generator=torch.Generator().manual_seed(0))
    return first, second


def test_distance_is_per_image_and_nothing_for_equal_ones(alex: Path) -> None:
    metric, (first, second) = LPIPS("alex", alex), images()
    distances = metric(torch.stack([first[0], second[1]]), torch.stack([first[0], first[1]]))
    assert distances.shape == (2,)
    assert distances[0].item() == pytest.approx(0, abs=1e-4)  # rounding of the result
    assert distances[1] > 0.01
    assert distances[1].item() == pytest.approx(metric(second[1:], first[1:]).item(), rel=1e-4)


def test_the_weights_are_those_of_the_file(alex: Path, tmp_path: Path) -> None:
    first, second = images()
    own, state = LPIPS("alex", alex).state_dict(), torch.load(alex, weights_only=True)
    assert torch.equal(own["network.net.slice3.6.weight"], state["features.6.weight"])
    other = weights_file(tmp_path / "other.pth", seed=1)
    assert not torch.allclose(LPIPS("alex", alex)(first, second), LPIPS("alex", other)(first, second), rtol=1e-3)


def test_the_linear_layers_are_the_trained_ones(alex: Path) -> None:
    metric = LPIPS("alex", alex)
    heads = [tensor for name, tensor in metric.state_dict().items() if ".lin" in name]
    assert len(heads) >= 5
    assert all((head >= 0).all() for head in heads)  # trained to be so; random ones are not
    assert not any(parameter.requires_grad for parameter in metric.parameters())


def test_images_are_scaled_from_minus_one_to_one_after_rounding(alex: Path) -> None:
    metric, (first, second) = LPIPS("alex", alex), images()
    rounded = (first * 255).round() / 255
    expected = metric.network(2 * rounded - 1, 2 * second - 1).flatten()
    assert torch.allclose(metric(first, second), expected, rtol=1e-5)
    assert torch.equal(metric(first + 1, second), metric(torch.ones_like(first), second))


@pytest.mark.slow
def test_vgg_is_another_backbone(tmp_path: Path) -> None:
    first, second = images(16, 17)
    metric = lpips_metric("vgg", weights_file(tmp_path / "vgg.pth", "vgg"))
    assert (metric.key, metric.title, metric.better) == ("lpips_vgg", "LPIPS VGG16", -1)
    assert "VGG16" in metric.definition
    assert (metric.function(first, second) > 0).all()


@pytest.mark.parametrize("side", [1, 30, 31])
def test_a_side_that_is_too_short_has_no_figure(alex: Path, side: int) -> None:
    first, second = images(side, 40)
    distance = LPIPS("alex", alex)(first, second)
    assert distance.shape == (2,)
    assert distance.isnan().all() == (side < BACKBONES["alex"].shortest)


def test_the_cache_is_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alex: Path) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    place = tmp_path / "hub" / "checkpoints" / BACKBONES["alex"].file
    with pytest.raises(DRBNError, match="AlexNet") as caught:
        LPIPS("alex")
    assert str(place) in str(caught.value)
    assert "lpips.weights=PATH" in str(caught.value)
    place.parent.mkdir(parents=True)
    place.write_bytes(alex.read_bytes())
    first, second = images()
    assert torch.equal(LPIPS("alex")(first, second), LPIPS("alex", alex)(first, second))


def test_wrong_files_are_named(tmp_path: Path, alex: Path) -> None:
    damaged, tensor = tmp_path / "damaged.pth", tmp_path / "tensor.pth"
    damaged.write_bytes(alex.read_bytes()[:1000])
    torch.save(torch.zeros(3), tensor)
    for path, words in ((damaged, "damaged"), (tensor, "tensors"), (tmp_path / "no", "exist")):
        with pytest.raises(DRBNError, match=words) as caught:
            LPIPS("alex", path)
        assert f"lpips.weights={path}" in str(caught.value)
    state = torch.load(alex, weights_only=True)
    state["features.6.weight"] = torch.zeros(384, 192, 5, 5)
    torch.save(state, damaged)
    with pytest.raises(DRBNError, match=r"features\.6\.weight .*\(384, 192, 3, 3\).*AlexNet"):
        LPIPS("alex", damaged)
    with pytest.raises(DRBNError, match="alex or vgg"):
        LPIPS("resnet")  # type: ignore[arg-type]
