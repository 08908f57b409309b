"""The perceptual loss of stage 2: distance between what a trained classifier sees in two images."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from drbn_lightning.networks.frozen import Frozen
from drbn_lightning.networks.vgg import VGG16Features

LAYER_WEIGHTS = {"relu1_1": 1.0, "relu1_2": 0.6, "relu2_1": 0.4, "relu2_2": 0.2}  # released code


class PerceptualLoss(nn.Module):
    """L_Percept: weighted mean squared distances between feature maps (paper: ||P(result) - P(normal)||^2).

    The extractor is loaded once, and is no part of the loss's `state_dict`. How large the loss is depends on its
    weights: Oxford's, which were made for pixels up to 255, give thousands for the results of stage 1 on LOL.
    """

    def __init__(
        self,
        weights: str | None = None,
        normalize: bool = True,
        layer_weights: Mapping[str, float] | None = None,
        relative: bool = False,
        features: nn.Module | None = None,
    ) -> None:
        """Build the loss.

        Args:
            weights: file of VGG16's weights, see `VGG16Features`.
            normalize: see `VGG16Features`. NOTE: the released code does not.
            layer_weights: weight of each layer's distance, by the layer's name; 1, 0.6, 0.4 and 0.2 by default
                (released code). Layers of weight 0 are left out.
            relative: divide each layer's distance by the mean square of the target's feature map, so that the loss does
                not depend on the scale of the weights: between files of the same network it differs a thousandfold
                (neither paper nor released code).
            features: another extractor in VGG16's place; maps images to feature maps by name, and may have a
                collection `layers` of the names. It is frozen.

        Raises:
            DRBNError: VGG16's weights cannot be had.
            ValueError: `layer_weights` names an unknown layer, or has a negative weight or no positive one.
        """
        super().__init__()
        chosen = LAYER_WEIGHTS if layer_weights is None else layer_weights
        if min(chosen.values(), default=0) < 0 or max(chosen.values(), default=0) == 0:
            raise ValueError(f"perceptual.layer_weights is {dict(chosen)}; it needs weights above 0 and none below")
        self.relative = relative
        self.layer_weights = {name: weight for name, weight in chosen.items() if weight > 0}
        _require_layers(chosen, getattr(VGG16Features if features is None else features, "layers", chosen))
        self.features = Frozen(VGG16Features(weights, normalize) if features is None else features)

    def forward(self, result: Tensor, target: Tensor) -> Tensor:
        """The loss, a scalar in float32.

        Args:
            result: `(N, 3, H, W)`, display values; gradients reach it.
            target: `(N, 3, H, W)` in [0, 1]; gradients do not reach it.

        Raises:
            ValueError: the extractor gives no layer of a name in `layer_weights`.
        """
        with torch.no_grad():
            wanted = self.features(target)
        features = self.features(result)
        _require_layers(self.layer_weights, features)
        return torch.stack(
            [w * self._distance(features[name], wanted[name]) for name, w in self.layer_weights.items()]
        ).sum()

    def _distance(self, features: Tensor, wanted: Tensor) -> Tensor:
        distance = mse_loss(features.float(), wanted.float())
        return distance / wanted.float().square().mean().clamp(min=1e-12) if self.relative else distance


def _require_layers(wanted: Mapping[str, float], layers: Mapping[str, object]) -> None:
    unknown = [name for name in wanted if name not in layers]
    if unknown:
        raise ValueError(f"perceptual.layer_weights names {unknown[0]!r}; the layers are {', '.join(layers)}")
