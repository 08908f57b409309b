"""How many inputs the fuzzing tries, how it draws them, and what it says of itself."""

import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from hypothesis import HealthCheck, Phase, settings


class Inputs(NamedTuple):
    """How many inputs of each kind are tried."""

    images: int
    ava: int
    scores: int
    checkpoints: int
    headers: int
    caches: int
    predictions: int
    overrides: int


SAMPLE = Inputs(
    images=4000, ava=1500, scores=1500, checkpoints=500, headers=300, caches=200, predictions=200, overrides=60
)
FULL = Inputs(
    images=72000, ava=10000, scores=10000, checkpoints=6000, headers=1500, caches=1500, predictions=1500, overrides=600
)
INPUTS = FULL if os.environ.get("FULL") else SAMPLE
TIMEOUT = 6 * 3600
"""Seconds for all inputs of a kind; each one has a deadline of its own."""
SHARE = int(os.environ.get("DRBN_FUZZ_PIECES", "1"))
"""Into how many runs the inputs are dealt."""
RECORD = os.environ.get("DRBN_FUZZ_RECORD")


def settings_of(count: int) -> settings:
    """So many inputs, new ones each time, the first that fails as it is: to make one smaller that hangs takes hours.

    A child has its own deadline, and beside other work time says nothing.
    """
    checks = list(HealthCheck)
    return settings(
        max_examples=count // SHARE, deadline=None, database=None, suppress_health_check=checks, phases=[Phase.generate]
    )


@contextmanager
def told(what: str, counts: Counter[str]) -> Iterator[None]:
    """Say at the end, whatever that is, how many inputs ended how, and add it to the file of `DRBN_FUZZ_RECORD`."""
    try:
        yield
    finally:
        parts = ", ".join(f"{count} {name}" for name, count in counts.most_common())
        line = f"{what}: {counts.total()} inputs: {parts}\n"
        sys.stdout.write(line)
        if RECORD:
            with Path(RECORD).open("a", encoding="utf-8") as record:
                record.write(line)
