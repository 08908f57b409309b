"""LPIPS, the distance of two images in the features of a classifier, with weights from this machine only.

Source: Zhang et al., "The unreasonable effectiveness of deep features as a perceptual metric", CVPR 2018, version 0.1.
torchmetrics computes it and brings the weights of its linear layers, but not those of the backbone.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torchmetrics.functional.image.lpips import _LPIPS  # the public ones download the backbone unasked

from drbn_lightning.errors import DRBNError, reason_of
from drbn_lightning.metrics.metric import Metric
from drbn_lightning.metrics.pixels import to_8_bit

BackboneName = Literal["alex", "vgg"]


class Backbone(NamedTuple):
    """A classifier: its name, the file that torchvision saves its weights in, and the shortest side it takes."""

    title: str
    file: str
    shortest: int


BACKBONES = {
    "alex": Backbone("AlexNet", "alexnet-owt-7be5be79.pth", 31),
    "vgg": Backbone("VGG16", "vgg16-397923af.pth", 16),
}


class LPIPS(nn.Module):
    """The distance as a function of results and targets; nothing in it is trained."""

    def __init__(self, backbone: BackboneName = "alex", weights: Path | str | None = None) -> None:
        """Read the weights.

        Args:
            backbone: `alex`, which most published figures use, or `vgg`.
            weights: torchvision's ImageNet weights of it; by default torch's cache is looked into. Never downloaded.

        Raises:
            DRBNError: the backbone is unknown, or its weights are missing, damaged or of another network.
        """
        super().__init__()
        if backbone not in BACKBONES:
            raise DRBNError(f"lpips.backbone={backbone} is unknown; use {' or '.join(BACKBONES)}")
        self.backbone = BACKBONES[backbone]
        path = _find(self.backbone, None if weights is None else Path(weights))
        self.network = _LPIPS(net=backbone, pnet_rand=True)
        _fill(self.network.net, _read(path), path, self.backbone)

    def forward(self, result: Tensor, target: Tensor) -> Tensor:
        """Distance of each image.

        Args:
            result: `(N, 3, H, W)`, display values, rounded to 8 bits here.
            target: `(N, 3, H, W)` in [0, 1].

        Returns:
            `(N,)`, 0 for equal images; not a number where a side is too short for the backbone.
        """
        if min(result.shape[-2:]) < self.backbone.shortest:
            return torch.full((len(result),), torch.nan, device=result.device)
        with torch.no_grad():
            distance: Tensor = self.network(to_8_bit(result), target.float(), normalize=True)  # from [0, 1] to [-1, 1]
        return distance.reshape(-1)


def lpips_metric(backbone: BackboneName = "alex", weights: Path | str | None = None) -> Metric:
    """LPIPS as a metric among others; arguments and errors as `LPIPS`."""
    function = LPIPS(backbone, weights)
    title = function.backbone.title
    definition = f"LPIPS 0.1 with {title}, of the 8-bit result in RGB scaled to [-1, 1]"
    return Metric(f"lpips_{backbone}", f"LPIPS {title}", "", 4, -1, definition, function)


def _find(backbone: Backbone, chosen: Path | None) -> Path:
    """The file of the weights: the chosen one, or that in torch's cache."""
    cached = Path(torch.hub.get_dir()) / "checkpoints" / backbone.file
    path = chosen or cached
    if path.is_file():
        return path
    if chosen:
        raise DRBNError(f"lpips.weights={chosen} does not exist; it must name torchvision's {backbone.file}")
    raise DRBNError(
        f"LPIPS needs {backbone.title}'s weights, and {cached} does not exist: put torchvision's {backbone.file} "
        "there, or name it by lpips.weights=PATH"
    )


def _read(path: Path) -> Mapping[str, Any]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises a dozen kinds on damaged files
        raise DRBNError(f"lpips.weights={path} cannot be read; the file is damaged ({reason_of(error)})") from None
    if not isinstance(content, dict):
        raise DRBNError(f"lpips.weights={path} holds a {type(content).__name__} instead of named tensors")
    return content


def _fill(features: nn.Module, state: Mapping[str, Any], path: Path, backbone: Backbone) -> None:
    """Fill the layers, whose names here are those of torchvision but for `sliceN` instead of `features`."""
    own = {}
    for name, tensor in features.state_dict().items():
        theirs = f"features.{name.partition('.')[2]}"
        tensor_there = state.get(theirs)
        if not isinstance(tensor_there, Tensor) or tensor_there.shape != tensor.shape:
            raise DRBNError(
                f"lpips.weights={path} holds no {theirs} of shape {tuple(tensor.shape)}, so they are not "
                f"{backbone.title}'s; give torchvision's {backbone.file}, or the other lpips.backbone"
            )
        own[name] = tensor_there
    features.load_state_dict(own)
