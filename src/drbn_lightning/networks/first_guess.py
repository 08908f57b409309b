"""The image that a network starts from: the low-light input, brought to a usual brightness, or adjusted as learned.

Legend of dimensions: N images, C = 3 colours, H x W pixels, S x S pixels of a thumbnail of the WHOLE image.
"""

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from drbn_lightning.networks.blocks import convolution
from drbn_lightning.thumbnails import area_weights

FirstGuess = Literal["input", "mean", "learned"]
KINDS: tuple[FirstGuess, ...] = ("input", "mean", "learned")
DARKEST = 1e-4
"""Smallest value that a gamma is applied to: its slope has no bound at 0."""
FURTHEST = (1.0, 0.5, 0.5)
"""How far a learned adjustment may go: in the logarithm of the gain, each colour mixed into another, log of gamma."""


class Adjustment(NamedTuple):
    """One adjustment for all of an image: `(colours @ pixel) ** gamma`; `(N, 3, 3)` and `(N,)`."""

    colours: Tensor
    gamma: Tensor


class Guess(nn.Module):
    """Makes the first guess.

    Source: ours (`mean`, `learned`); the released code starts from the low-light image itself (`input`).
    """

    full_precision = True
    """A global adjustment shows in every pixel: its parameters stay float32 where the network runs in fewer bits."""

    def __init__(
        self, kind: FirstGuess, mean: float, gain_limit: float, ceiling: float, least_gain: float = 0.0
    ) -> None:
        """Set up the guess.

        Args:
            kind: `input` takes the low-light image itself, `mean` brings it to a mean by the gain that the WHOLE
                image needs, `learned` adjusts that by what a small network sees in the whole image's thumbnail.
            mean: mean of the whole image after the gain, in display values.
            gain_limit: largest gain, before what is learned.
            ceiling: the guess is cut off above this value.
            least_gain: smallest gain, before what is learned; 1 leaves an image that is brighter already as it is.

        Raises:
            ValueError: `kind` is unknown, or the smallest gain is above the largest.
        """
        super().__init__()
        if kind not in KINDS:
            raise ValueError(f"network.first_guess is {kind!r}; use {', '.join(KINDS)}")
        if not 0 <= least_gain <= gain_limit:
            raise ValueError(
                f"network.guess_least_gain is {least_gain}; it must be from 0 to network.guess_gain_limit={gain_limit}"
            )
        self.kind, self.mean, self.ceiling = kind, mean, ceiling
        self.least_gain, self.gain_limit = least_gain, gain_limit
        self.predictor = AdjustmentPredictor() if kind == "learned" else None

    def forward(self, low: Tensor, thumbnail: Tensor | None = None) -> Tensor:
        """The guess for low-light images `(N, C, H, W)` in [0, 1].

        Args:
            low: the images, or crops or tiles of them.
            thumbnail: `(N, C, S, S)`, of the WHOLE images, see `drbn_lightning.thumbnails`; by default those of `low`.
        """
        if self.kind == "input":
            return low
        with torch.autocast(low.device.type, enabled=False):
            thumbnails = thumbnails_of(low, thumbnail)
            gain = self.gain(thumbnails)
            scaled = low.float() * gain
            if self.predictor is not None:
                adjustment = self.predictor((thumbnails * gain).clamp(max=self.ceiling), gain)
                scaled = adjusted(scaled, adjustment, self.ceiling)
            return scaled.clamp(max=self.ceiling).to(low.dtype)

    def gain(self, thumbnail: Tensor) -> Tensor:
        """What brings whole images to the mean, `(N, 1, 1, 1)`."""
        mean = thumbnail.mean(dim=(1, 2, 3), keepdim=True)
        return (self.mean / mean.clamp(min=1e-6)).clamp(self.least_gain, self.gain_limit)


class AdjustmentPredictor(nn.Module):
    """Predicts one adjustment of gain, colours and gamma from the thumbnail of a whole image.

    It starts at no adjustment, and falls back to it where the thumbnail says little: its last layer starts at zero,
    its features are dropped at random in training, and what it may do is bounded (`FURTHEST`).

    Example:
        >>> predictor = AdjustmentPredictor()
        >>> found = predictor(torch.rand(2, 3, 48, 48), torch.ones(2, 1, 1, 1))
        >>> torch.equal(found.colours, torch.eye(3).expand(2, 3, 3)), found.gamma.tolist()
        (True, [1.0, 1.0])
    """

    def __init__(self, widths: tuple[int, ...] = (16, 32, 48, 64), hidden: int = 48, dropout: float = 0.2) -> None:
        """Build the predictor.

        Args:
            widths: channels of the convolutions, each of which halves the thumbnail.
            hidden: width between the features and the adjustment.
            dropout: share of the features dropped in training.
        """
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in zip((3, *widths), widths, strict=False):
            layers += [convolution(inputs, outputs, stride=2), nn.ReLU()]
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(
            nn.Linear(2 * widths[-1] + 1, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, 1 + 9 + 1)
        )
        self._adjust_nothing()

    def reset(self) -> None:
        """Forget what was learned: random features, and no adjustment."""
        for layer in (*self.features, *self.head):
            if isinstance(layer, nn.Conv2d | nn.Linear):
                layer.reset_parameters()
        self._adjust_nothing()

    def _adjust_nothing(self) -> None:
        last = self.head[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, thumbnail: Tensor, gain: Tensor) -> Adjustment:
        """The adjustment.

        Args:
            thumbnail: `(N, 3, S, S)`, already brought to the usual mean.
            gain: `(N, 1, 1, 1)`, the gain that it took.
        """
        features = self.features(thumbnail)
        pooled = [features.mean(dim=(2, 3)), features.amax(dim=(2, 3)), gain.flatten(1).log() / 4]
        raw = torch.tanh(self.head(torch.cat(pooled, dim=1)))
        brightness, mixing, bend = raw[:, :1], raw[:, 1:10], raw[:, 10:]
        colours = torch.eye(3).to(raw) + FURTHEST[1] * mixing.reshape(-1, 3, 3)
        return Adjustment(torch.exp(FURTHEST[0] * brightness)[..., None] * colours, torch.exp(FURTHEST[2] * bend[:, 0]))


def adjusted(image: Tensor, adjustment: Adjustment, ceiling: float) -> Tensor:
    """Apply an adjustment to images `(N, 3, H, W)`; values end between about 0 and `ceiling`."""
    red, green, blue = image.unbind(1)
    matrix = adjustment.colours[..., None, None]
    mixed = torch.stack(
        [matrix[:, row, 0] * red + matrix[:, row, 1] * green + matrix[:, row, 2] * blue for row in range(3)], dim=1
    )
    return mixed.clamp(DARKEST, ceiling) ** adjustment.gamma[:, None, None, None]


def thumbnails_of(low: Tensor, thumbnail: Tensor | None = None) -> Tensor:
    """Thumbnails of whole images: those that are given, or what `drbn_lightning.thumbnails` makes of the images.

    Args:
        low: the images, or crops or tiles of them, `(N, C, H, W)`.
        thumbnail: `(N, C, S, S)`, of the WHOLE images; by default those of `low`.

    Returns:
        `(N, C, S, S)` float32.
    """
    if thumbnail is not None:
        return thumbnail.float()
    height, width = low.shape[-2:]
    rows, columns = (torch.from_numpy(area_weights(length)).to(low.device) for length in (height, width))
    with torch.autocast(low.device.type, enabled=False):
        return rows @ low.float() @ columns.T
