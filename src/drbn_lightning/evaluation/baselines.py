"""The baselines as methods among others."""

from collections.abc import Iterable, Iterator, Sequence

from torch import Tensor

from drbn_lightning.baselines.catalog import BASELINES
from drbn_lightning.errors import DRBNError
from drbn_lightning.evaluation.methods import EvaluatedMethod, baseline
from drbn_lightning.evaluation.scoring import EvaluationImage

ALL = "all"


def chosen_baselines(names: str | Sequence[str]) -> list[str]:
    """Names of baselines, `all` being all of them.

    Raises:
        DRBNError: one is unknown.

    Example:
        >>> chosen_baselines("all")[:2]
        ['input', 'gamma']
    """
    given = [names] if isinstance(names, str) else list(dict.fromkeys(names))
    chosen = list(BASELINES) if given == [ALL] else given
    unknown = [name for name in chosen if name not in BASELINES]
    if unknown:
        raise DRBNError(f"baselines holds {unknown[0]!r}; there are {', '.join(BASELINES)}, or {ALL}")
    return chosen


def choose_baselines(
    names: Sequence[str], images: Iterable[EvaluationImage], has_targets: bool
) -> list[EvaluatedMethod]:
    """The baselines of these names; those that choose by the targets only where there are some.

    Args:
        names: see `chosen_baselines`.
        images: what is going to be scored.
        has_targets: whether the images have targets.
    """
    chosen = [BASELINES[name] for name in names if has_targets or not BASELINES[name].needs_pairs]
    built = [(*one.build(_pairs(images)), one.about) for one in chosen]
    return [baseline(label, method, about) for label, method, about in built]


def _pairs(images: Iterable[EvaluationImage]) -> Iterator[tuple[Tensor, Tensor]]:
    for image in images:
        assert image.normal is not None
        yield image.low, image.normal
