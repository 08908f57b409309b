import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from drbn_lightning.losses.perceptual import LAYER_WEIGHTS, PerceptualLoss
from drbn_lightning.networks.vgg import VGG16Features
from tests.golden import image, vgg_state


class Edges(nn.Module):
    """An extractor from outside the package, which does not say what its layers are called."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(2.0))
        self.calls = 0

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        self.calls += 1
        return {"edges": self.gain * image.diff(dim=-1), "itself": image}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("vgg") / "vgg.npz"
    arrays: dict[str, Any] = {name: tensor.numpy() for name, tensor in vgg_state().items()}
    np.savez(path, **arrays)
    return str(path)


@pytest.mark.parametrize("normalize", [True, False])
@torch.no_grad()
def test_it_is_the_released_codes_sum(weights: str, normalize: bool) -> None:
    network = VGG16Features(weights, normalize)
    result, target = network(image(1)), network(image(2))
    expected = sum(w * (result[name] - target[name]).square().mean() for name, w in LAYER_WEIGHTS.items())
    loss = PerceptualLoss(weights, normalize)(image(1), image(2))
    assert loss.shape == ()
    torch.testing.assert_close(loss, torch.as_tensor(expected))


@torch.no_grad()
def test_relative_distances_do_not_depend_on_the_scale_of_the_weights(weights: str) -> None:
    class Louder(VGG16Features):
        def forward(self, image: Tensor) -> dict[str, Tensor]:
            return {name: 30 * result for name, result in super().forward(image).items()}

    network = VGG16Features(weights)
    distance = PerceptualLoss(relative=True, features=network)(image(1), image(2))
    assert PerceptualLoss(relative=True, features=Louder(weights))(image(1), image(2)).item() == pytest.approx(
        distance.item(), rel=1e-4
    )
    result, target = network(image(1)), network(image(2))
    expected = [
        w * (result[name] - target[name]).square().mean() / target[name].square().mean()
        for name, w in LAYER_WEIGHTS.items()
    ]
    torch.testing.assert_close(distance, torch.stack(expected).sum())


@torch.no_grad()
def test_equal_images_cost_nothing(weights: str) -> None:
    loss = PerceptualLoss(weights)
    assert loss(image(1), image(1)).item() == 0
    assert loss(image(1), image(2)).item() > 0


def test_gradients_reach_the_result_and_not_the_target(weights: str) -> None:
    loss = PerceptualLoss(weights)
    result, target = image(1).requires_grad_(), image(2).requires_grad_()
    loss(result, target).backward()
    assert result.grad is not None
    assert result.grad.isfinite().all()
    assert result.grad.abs().sum() > 0
    assert target.grad is None
    step = result.detach() - 0.1 * result.grad / result.grad.abs().max()
    assert loss(step, target) < loss(result, target)


def test_the_extractor_is_no_part_of_the_loss(weights: str) -> None:
    loss = PerceptualLoss(weights).train()
    assert loss.state_dict() == {}
    assert list(loss.parameters()) == []
    again = pickle.loads(pickle.dumps(loss))
    assert torch.equal(again(image(1), image(2)), loss(image(1), image(2)))


@torch.no_grad()
def test_layers_of_weight_0_are_left_out(weights: str) -> None:
    none = dict.fromkeys(LAYER_WEIGHTS, 0.0)
    parts = [PerceptualLoss(weights, layer_weights=none | {name: w}) for name, w in LAYER_WEIGHTS.items()]
    assert [list(part.layer_weights) for part in parts] == [[name] for name in LAYER_WEIGHTS]
    total = torch.stack([part(image(1), image(2)) for part in parts]).sum()
    torch.testing.assert_close(PerceptualLoss(weights)(image(1), image(2)), total)


@torch.no_grad()
def test_another_extractor() -> None:
    extractor = Edges()
    loss = PerceptualLoss(features=extractor, layer_weights={"edges": 0.5, "itself": 2})
    x, y = image(1), image(2)
    expected = 0.5 * 4 * (x - y).diff(dim=-1).square().mean() + 2 * (x - y).square().mean()
    torch.testing.assert_close(loss(x, y), expected)
    assert extractor.calls == 2
    assert not extractor.gain.requires_grad


@torch.no_grad()
def test_it_is_float32_under_autocast(weights: str) -> None:
    loss = PerceptualLoss(weights)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = loss(image(1), image(2))
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(loss(image(1), image(2)).item(), rel=0.02)
    coarse = PerceptualLoss(features=Edges().bfloat16(), layer_weights={"itself": 1.0})
    assert coarse(image(1).bfloat16(), image(2).bfloat16()).dtype == torch.float32


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"relu3_1": 1.0}, r"perceptual\.layer_weights .*'relu3_1'.*relu1_1, relu1_2"),
        ({"relu1_1": 1.0, "relu9": 0.0}, r"perceptual\.layer_weights.*'relu9'"),
        ({"relu1_1": -1.0, "relu1_2": 1.0}, r"perceptual\.layer_weights .*-1\.0"),
        ({"relu1_1": 0.0}, r"perceptual\.layer_weights .*'relu1_1': 0\.0"),
        ({}, r"perceptual\.layer_weights is \{\}"),
    ],
)
def test_refuses_nonsense(weights: str, chosen: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PerceptualLoss(weights, layer_weights=chosen)


def test_an_unknown_layer_of_another_extractor() -> None:
    loss = PerceptualLoss(features=Edges(), layer_weights={"corners": 1.0})
    with pytest.raises(ValueError, match=r"perceptual\.layer_weights .*'corners'.*edges, itself"):
        loss(image(1), image(2))


@pytest.mark.reference
@torch.no_grad()
def test_the_real_weights_mind_blur_more_than_brightness(reference: Path) -> None:
    loss = PerceptualLoss(str(reference / "weights" / "vgg16_conv1_2_rgb.npz"))
    target = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    blurred = nn.functional.avg_pool2d(target, 3, stride=1, padding=1, count_include_pad=False)
    brighter = target + (blurred - target).square().mean().sqrt()  # as far from the target by PSNR
    assert loss(blurred, target) > 2 * loss(brighter, target)


def test_arguments_may_be_plain_containers(weights: str) -> None:
    arguments: dict[str, Any] = {"weights": weights, "layer_weights": {"relu1_1": 1}, "features": None}
    assert PerceptualLoss(**arguments).layer_weights == {"relu1_1": 1}
