"""From Hydra's overrides to what Optuna searches, and back."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
)

from drbn_lightning.errors import DRBNError


class Space(NamedTuple):
    """What all trials have in common, and what is searched: a distribution for each key."""

    fixed: list[str]
    searched: dict[str, BaseDistribution]

    def overrides(self, values: Mapping[str, Any]) -> list[str]:
        """The command line of a trial."""
        return [*self.fixed, *(f"{key}={values[key]}" for key in self.searched)]

    def firsts(self) -> dict[str, Any]:
        """A value of each searched key."""
        return {
            key: value.choices[0] if isinstance(value, CategoricalDistribution) else value.low  # type: ignore[attr-defined]  # the others have it
            for key, value in self.searched.items()
        }

    def description(self) -> dict[str, str]:
        """The searched part in plain text, to compare with a stored study's."""
        return {key: distribution_to_json(self.searched[key]) for key in sorted(self.searched)}

    def grid(self) -> Iterator[dict[str, Any]]:
        """All points of the space.

        Raises:
            DRBNError: it has infinitely many.
        """
        axes = [points(key, distribution) for key, distribution in self.searched.items()]
        return (dict(zip(self.searched, values, strict=True)) for values in itertools.product(*axes))


def read_space(words: Sequence[str], loader: ConfigLoader | None = None) -> Space:
    """Tell what is searched from what is fixed; of two words with the same key, the later counts.

    Args:
        words: overrides in Hydra's grammar.
        loader: knows the choices of groups, for `glob`.

    Raises:
        DRBNError: nothing is searched, or a search is of a kind that Optuna cannot do.
    """
    fixed: dict[str, str] = {}
    searched: dict[str, BaseDistribution] = {}
    for override in OverridesParser.create(config_loader=loader).parse_overrides(list(words)):
        key = override.get_key_element()
        fixed.pop(key, None)
        searched.pop(key, None)
        if override.is_sweep_override():
            searched[key] = distribution_of(key, override)
        else:
            fixed[key] = str(override.input_line)
    if not searched:
        raise DRBNError(
            "hydra/sweeper=optuna has nothing to search: give values by hydra.sweeper.params, sweep=NAME, or on the "
            "command line, such as 'stage.optimizer.lr=tag(log,interval(1e-4,1e-2))' or network.recursions=1,2,3"
        )
    return Space(list(fixed.values()), searched)


def distribution_of(key: str, override: Override) -> BaseDistribution:
    """What Optuna draws from, for one override.

    Raises:
        DRBNError: it is of a kind that Optuna cannot do.
    """
    value = override.value()
    try:
        if override.is_choice_sweep():
            return CategoricalDistribution(list(override.sweep_string_iterator()))
        if isinstance(value, IntervalSweep):
            assert value.start is not None
            assert value.end is not None
            kind = IntDistribution if isinstance(value.start, int) else FloatDistribution
            return kind(value.start, value.end, log="log" in value.tags)  # type: ignore[arg-type]  # both of one type
        if isinstance(value, RangeSweep):
            return _steps(list(value.range()), float(value.step))
    except ValueError as error:
        raise DRBNError(f"{override.input_line}: {error}") from None
    raise DRBNError(f"{key}: Optuna cannot search {override.input_line}; use choice, range or interval")


def _steps(values: list[int] | list[float], step: float) -> BaseDistribution:
    """A Hydra range, whose end is left out."""
    if not values:
        raise ValueError("the range is empty")
    low, high = min(values[0], values[-1]), max(values[0], values[-1])
    if all(isinstance(value, int) for value in values):
        return IntDistribution(int(low), int(high), step=int(abs(step)))
    return FloatDistribution(low, high, step=abs(step))


def points(key: str, distribution: BaseDistribution) -> list[Any]:
    """The values that a key of a grid may have.

    Raises:
        DRBNError: there are infinitely many.
    """
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    if isinstance(distribution, IntDistribution):
        return list(range(distribution.low, distribution.high + 1, distribution.step))
    if isinstance(distribution, FloatDistribution) and distribution.step is not None:
        count = math.floor((distribution.high - distribution.low) / distribution.step + 1.5)
        return [distribution.low + place * distribution.step for place in range(count)]
    raise DRBNError(f"hydra.sweeper.sampler=grid needs {key} as choice(...) or range(...), not as an interval")
