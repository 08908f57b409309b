"""How often `make reliability` tries each thing: a sample, or with `FULL=1` as often as docs/reliability.md says."""

import os
from typing import NamedTuple


class Counts(NamedTuple):
    """How often each thing is tried."""

    killed_runs: int
    """Trainings that are killed, every third one twice."""
    killed_commands: int
    """Of these, trainings that are killed through the command itself, in a process started for it."""
    requests: int
    """Trainings that are asked to stop by Ctrl-C, SIGTERM or SIGHUP."""


SAMPLE = Counts(killed_runs=10, killed_commands=1, requests=6)
FULL = Counts(killed_runs=64, killed_commands=6, requests=48)
COUNTS = FULL if os.environ.get("FULL") else SAMPLE
