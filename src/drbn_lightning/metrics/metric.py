"""What a metric is: a function beside the words that define it, for tables and reports."""

from collections.abc import Callable
from typing import Literal, NamedTuple

from torch import Tensor

DIRECTIONS = {1: "higher is better", -1: "lower is better", 0: ""}


class Metric(NamedTuple):
    """A metric of images: the one record that tables, reports and definitions are made of.

    Attributes:
        key: its name in files and configurations.
        title: heading of its column, without the unit.
        unit: of its values, empty where there is none.
        decimals: digits that a table shows.
        better: 1 where higher is better, -1 where lower is, 0 where neither is.
        definition: what exactly is computed, to be printed below a table.
        function: from results and targets, or from results alone, `(N, 3, H, W)` each, to values `(N,)`.
        needs_target: whether `function` takes targets.
    """

    key: str
    title: str
    unit: str
    decimals: int
    better: Literal[1, -1, 0]
    definition: str
    function: Callable[..., Tensor]
    needs_target: bool = True

    def __call__(self, result: Tensor, target: Tensor | None) -> Tensor:
        """Values `(N,)` of results `(N, 3, H, W)`; a metric that needs no target does not look at it."""
        return self.function(result, target) if self.needs_target else self.function(result)

    @property
    def heading(self) -> str:
        """Title and unit."""
        return f"{self.title} {self.unit}".strip()

    def define(self) -> str:
        """Title, definition and direction in one line.

        Example:
            >>> Metric("psnr", "PSNR", "dB", 2, 1, "over RGB", lambda result, target: result).define()
            'PSNR dB: over RGB; higher is better'
        """
        direction = DIRECTIONS[self.better]
        return f"{self.heading}: {self.definition}" + (f"; {direction}" if direction else "")
