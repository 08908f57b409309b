"""A sweep's folder is one sweep's at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from drbn_lightning.errors import DRBNError

LOCK = ".sweep.lock"
PATIENCE = 15.0  # seconds: loading processes of a killed sweep live on for a moment, and hold its lock


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold a sweep's folder; the operating system lets go of it where the process dies.

    Raises:
        DRBNError: another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / LOCK, timeout=PATIENCE):
            yield
    except Timeout:
        raise DRBNError(
            f"{folder} belongs to a sweep that still runs; wait, or choose another hydra.sweep.dir"
        ) from None


def may_run(folder: Path) -> bool:
    """Whether a sweep may run in another folder: a process holds it, or it lies on another machine."""
    if not folder.exists():
        return True
    try:
        with FileLock(folder / LOCK, blocking=False):
            return False
    except (Timeout, OSError):
        return True
