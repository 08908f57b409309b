"""The first two blocks of VGG16, whose features say how alike two images look (P of the paper)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from drbn_lightning.errors import DRBNError, reason_of
from drbn_lightning.networks.blocks import convolution

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class HalvingPool(nn.MaxPool2d):
    """Max pooling by 2 that drops an odd last row or column, as VGG does, but never the only one."""

    def __init__(self) -> None:
        """Build the layer, which has no parameters."""
        super().__init__(2)

    def forward(self, features: Tensor) -> Tensor:
        """`(N, C, H, W)` to `(N, C, max(1, H // 2), max(1, W // 2))`, rounded up where a side is a single pixel."""
        return functional.max_pool2d(features, 2, ceil_mode=min(features.shape[-2:]) < 2)


class VGG16Features(nn.Module):
    """Feature maps of VGG16 after its first four convolutions and their ReLUs.

    Parameters are named as in torchvision's network. Nothing is frozen here: see `Frozen`.
    """

    mean: Tensor
    std: Tensor
    layers: ClassVar[dict[str, int]] = {"relu1_1": 1, "relu1_2": 3, "relu2_1": 6, "relu2_2": 8}

    def __init__(self, weights: str | None = None, normalize: bool = True) -> None:
        """Build the network and read its weights.

        Args:
            weights: an `.npz` archive or a torch file with the tensors `features.{0,2,5,7}.{weight,bias}` of VGG16,
                others being ignored; by default torchvision's ImageNet weights, downloaded once.
            normalize: bring images to ImageNet's mean and deviation first, as these weights expect.
                NOTE: the released code does not.

        Raises:
            DRBNError: the weights are missing, damaged or of another network, or cannot be downloaded.
        """
        super().__init__()
        self.normalize = normalize
        block1 = [convolution(3, 64), nn.ReLU(), convolution(64, 64), nn.ReLU()]
        block2 = [convolution(64, 128), nn.ReLU(), convolution(128, 128), nn.ReLU()]
        self.features = nn.Sequential(*block1, HalvingPool(), *block2)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD)[:, None, None], persistent=False)
        state = _downloaded() if weights is None else _read(Path(weights))
        self._fill(state, "VGG16's downloaded weights" if weights is None else str(weights))

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Feature maps by the names in `layers`.

        Args:
            image: `(N, 3, H, W)` in [0, 1], of any size.

        Returns:
            `relu1_1` and `relu1_2` are `(N, 64, H, W)`, `relu2_1` and `relu2_2` `(N, 128, H // 2, W // 2)`, but a
            side is never below 1.
        """
        stack = (image - self.mean) / self.std if self.normalize else image
        names = {place: name for name, place in self.layers.items()}
        features = {}
        for place, layer in enumerate(self.features):
            stack = layer(stack)
            if place in names:
                features[names[place]] = stack
        return features

    def _fill(self, state: Mapping[str, Any], source: str) -> None:
        own = self.state_dict()
        for name, tensor in own.items():
            if name not in state:
                raise DRBNError(f"{source} holds no {name}; give VGG16's weights, perceptual.weights=PATH")
            parameter = state[name]
            shape = tuple(getattr(parameter, "shape", ()))
            if not isinstance(parameter, Tensor) or shape != tuple(tensor.shape):
                wanted = tuple(tensor.shape)
                raise DRBNError(
                    f"{name} in {source} has shape {shape} and not VGG16's {wanted}; give perceptual.weights=PATH"
                )
        self.load_state_dict({name: state[name] for name in own})


def _read(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        raise DRBNError(f"VGG16's weights {path} do not exist; perceptual.weights must name a .npz, .pth or .pt file")
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as archive:
                return {name: torch.from_numpy(archive[name]) for name in archive}
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # numpy and torch raise a dozen kinds on damaged files
        raise DRBNError(f"VGG16's weights {path} cannot be read; the file is damaged ({reason_of(error)})") from None
    if not isinstance(content, dict):
        raise DRBNError(f"VGG16's weights {path} hold a {type(content).__name__} instead of named tensors")
    return content


def _downloaded() -> Mapping[str, Any]:
    from torchvision.models import VGG16_Weights  # type: ignore[import-untyped]  # slow, and seldom needed

    url = VGG16_Weights.IMAGENET1K_V1.url
    try:
        state: dict[str, Any] = torch.hub.load_state_dict_from_url(
            url, map_location="cpu", check_hash=True, progress=False, weights_only=True
        )
    except Exception as error:  # no network, a refusal, a full disk, a wrong hash, a damaged file of an earlier try
        raise DRBNError(
            f"VGG16's weights cannot be downloaded from {url} ({reason_of(error)}); "
            "give a file that holds them, perceptual.weights=PATH"
        ) from None
    return state
