"""How tests wait for the processes that they start: with a limit, and without leaving one behind."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LIMIT = 600.0
"""Seconds: a start takes 10 on a quiet machine. The limit is for what would never come, and says nothing of speed."""

HEARING = ("env", "--default-signal=HUP")
"""Begins a command that must hear SIGHUP: whoever starts the tests under nohup hands on that it is ignored."""


def wait_for(what: Path | Callable[[], object], process: "subprocess.Popen[Any]") -> None:
    """Wait until a process has made a file, or until something holds.

    Raises:
        AssertionError: the process has ended before, or the limit is over.
    """
    comes = what.exists if isinstance(what, Path) else what
    until = time.monotonic() + LIMIT
    while not comes():
        assert process.poll() is None, f"the process ended with {process.returncode} before {what}"
        assert time.monotonic() < until, f"{what} did not come in {LIMIT} s"
        time.sleep(0.02)


@contextmanager
def ended(process: "subprocess.Popen[Any]") -> Iterator[None]:
    """See to it that a process, the leader of a session of its own, has ended with all that it has started."""
    try:
        yield
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(LIMIT)
