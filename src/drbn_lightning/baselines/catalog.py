"""The baselines by the names that `evaluate baselines=` takes."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from torch import Tensor

from drbn_lightning.baselines.clahe import CLIP_LIMIT, TILES, clahe
from drbn_lightning.baselines.gamma import AUTO_MEAN, GammaSearch, auto_gamma, gamma_method
from drbn_lightning.baselines.lime import lime
from drbn_lightning.baselines.msr import multi_scale_retinex
from drbn_lightning.types import TensorMethod

Pairs = Iterable[tuple[Tensor, Tensor]]
"""Low-light images and their targets, `(N, 3, H, W)` in [0, 1] each."""


def input_method(low: Tensor, thumbnail: Tensor) -> Tensor:
    """The input as it is."""
    return low


class Baseline(NamedTuple):
    """A method by name.

    Attributes:
        description: what it is, for reports.
        needs_pairs: whether it is chosen by looking at the targets.
        build: from the pairs that are scored, which only such a method looks at, to its label and itself.
    """

    description: str
    needs_pairs: bool
    build: Callable[[Pairs], tuple[str, TensorMethod]]


def _best_gamma(pairs: Pairs) -> tuple[str, TensorMethod]:
    search = GammaSearch()
    for low, normal in pairs:
        search.add(low, normal)
    return f"best gamma {search.best():.2f}", gamma_method(search.best())


def _fixed(name: str, method: TensorMethod, description: str) -> Baseline:
    return Baseline(description, False, lambda pairs: (name, method))


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
