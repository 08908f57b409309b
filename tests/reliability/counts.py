"""How often `make reliability` tries each thing: a sample, or with `FULL=1` as often as docs/reliability.md says."""

import os
from typing import NamedTuple


class Counts(NamedTuple):
    """How often each thing is tried."""

    killed_runs: int
    """Trainings that are killed, every third one twice."""
    requests: int
    """Trainings that are asked to stop by Ctrl-C, SIGTERM or SIGHUP."""

    steps: int
    """Steps of one long training."""
    photos: int
    """Photos that are enhanced by one command."""


SAMPLE = Counts(killed_runs=10, requests=6, steps=200, photos=100)
FULL = Counts(killed_runs=64, requests=24, steps=2000, photos=500)
COUNTS = FULL if os.environ.get("FULL") else SAMPLE
