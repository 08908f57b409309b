"""Simple methods that a network is measured against."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import torch
from kornia.color import lab_to_rgb, rgb_to_lab
from kornia.enhance import equalize_clahe
from torch import Tensor
from torch.nn import functional

from drbn_lightning.baselines.retinex import lime, multi_scale_retinex
from drbn_lightning.batches import PairBatch
from drbn_lightning.errors import DRBNError
from drbn_lightning.metrics.ssim_gc import gamma_corrected
from drbn_lightning.types import Method

GAMMAS = tuple(round(0.05 * step, 2) for step in range(1, 41))
AUTO_MEAN = 0.42
"""Mean luminance that `auto_gamma` gives every image: the mean that the networks start from by default."""
TILES = 8
CLIP_LIMIT = 8.0
"""How much steeper than a straight line CLAHE's curves may be. Kornia's default of 40 brings 2 dB more PSNR on LOL-v1's
training pairs, but makes a pattern of all noise, and hardly any colour is left."""

"""Maps low-light images `(N, 3, H, W)` and the means `(N,)` of the whole ones to results `(N, 3, H, W)`."""


def gamma_curve(low: Tensor, gamma: float) -> Tensor:
    """Brighten display values by one power for all pixels and colours.

    Example:
        >>> gamma_curve(torch.tensor([0.25]), 0.5).item()
        0.5
    """
    return low.clamp(0, 1) ** gamma


class GammaSearch:
    """Finds the gamma that gives the highest mean PSNR over a whole data set: the best that one curve can do.

    It sees the targets, so it is an upper bound and no method. Low images must have 8-bit values; then the error of
    every gamma follows from sums over the pixels of each value, and one pass is enough.
    """

    def __init__(self) -> None:
        """Start with no image seen."""
        values = torch.arange(256, dtype=torch.float64) / 255
        self.curves = torch.stack([(values**gamma * 255).round() / 255 for gamma in GAMMAS])
        self._sum, self._count = torch.zeros(len(GAMMAS), dtype=torch.float64), 0

    def add(self, batch: PairBatch) -> None:
        """Add the images of a batch."""
        for low, normal in zip(batch.low, batch.normal, strict=True):
            value = (low * 255).round().long().flatten().cpu()
            target = normal.double().flatten().cpu()
            count = torch.bincount(value, minlength=256).double()
            total = torch.bincount(value, weights=target, minlength=256)
            squares = target.square().sum()
            error = (count * self.curves**2 - 2 * total * self.curves).sum(dim=1) + squares
            self._sum += -10 * (error / target.numel()).clamp(min=1e-12).log10()
            self._count += 1

    def best(self) -> float:
        """The gamma with the highest mean PSNR."""
        return GAMMAS[int(self._sum.argmax())]


def input_method(low: Tensor, thumbnail: Tensor) -> Tensor:
    """The input as it is."""
    return low


def gamma_method(gamma: float) -> Method:
    """One gamma curve for all images."""
    return lambda low, thumbnail: gamma_curve(low, gamma)


def auto_gamma(low: Tensor, thumbnail: Tensor) -> Tensor:
    """Each image under the gamma that gives it the mean luminance `AUTO_MEAN`."""
    return gamma_corrected(low, torch.full((len(low),), AUTO_MEAN))


def clahe(low: Tensor, thumbnail: Tensor) -> Tensor:
    """Contrast limited adaptive histogram equalisation of the lightness (L of CIE Lab), in 8 by 8 tiles.

    Source: Zuiderveld, "Contrast limited adaptive histogram equalization", Graphics Gems IV, 1994; kornia computes it.
    Images with a side below 16 pixels are extended to 16 by their last rows and columns first.
    """
    height, width = low.shape[-2:]
    padding = (0, max(0, 2 * TILES - width), 0, max(0, 2 * TILES - height))
    lab = rgb_to_lab(functional.pad(low.clamp(0, 1).float(), padding, mode="replicate"))
    lightness = equalize_clahe((lab[:, :1] / 100).clamp(0, 1), CLIP_LIMIT, (TILES, TILES))
    return lab_to_rgb(torch.cat([100 * lightness, lab[:, 1:]], dim=1))[..., :height, :width]


class Baseline(NamedTuple):
    """A method by name.

    Attributes:
        about: what it is, for reports.
        needs_pairs: whether it is chosen by looking at the targets.
        build: from the pairs that are scored, which only such a method looks at, to its label and itself.
    """

    about: str
    needs_pairs: bool
    build: Callable[[Iterable[PairBatch]], tuple[str, Method]]


def build_baselines(names: Sequence[str], pairs: Iterable[PairBatch]) -> dict[str, Method]:
    """The named methods by their labels, which are their names but for `gamma`: `best gamma 0.35`.

    Args:
        names: keys of `BASELINES`.
        pairs: what is going to be scored, for those that choose by the targets.

    Raises:
        DRBNError: a name is unknown.
    """
    for name in names:
        if name not in BASELINES:
            raise DRBNError(f"baselines holds {name!r}; there are {', '.join(BASELINES)}")
    return dict(BASELINES[name].build(pairs) for name in names)


def _best_gamma(pairs: Iterable[PairBatch]) -> tuple[str, Method]:
    search = GammaSearch()
    for batch in pairs:
        search.add(batch)
    return f"best gamma {search.best():.2f}", gamma_method(search.best())


def _fixed(name: str, method: Method, about: str) -> Baseline:
    return Baseline(about, False, lambda pairs: (name, method))


BASELINES = {
    "input": _fixed("input", input_method, "the low-light image as it is"),
    "gamma": Baseline("one gamma for all images, chosen by the targets: the best that one can do", True, _best_gamma),
    "auto_gamma": _fixed("auto_gamma", auto_gamma, f"for each image the gamma that gives it a mean of {AUTO_MEAN}"),
    "clahe": _fixed("clahe", clahe, f"CLAHE of the lightness, {TILES} x {TILES} tiles, clip limit {CLIP_LIMIT:g}"),
    "msr": _fixed(
        "msr",
        lambda low, thumbnail: multi_scale_retinex(low),
        "multi-scale Retinex with colour restoration (Jobson et al. 1997), stretched between percentiles",
    ),
    "lime": _fixed("lime", lambda low, thumbnail: lime(low), "LIME (Guo et al. 2017), without its denoising"),
}
