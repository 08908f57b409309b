"""A run's folder is one run's: a new one is taken by one run alone, and one that is used again by one at a time."""

import errno
import fcntl
import itertools
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from drbn_lightning.errors import DRBNError
from drbn_lightning.runs.record import first_process

LOCK, GROUP = ".lock", ".group"
OCCUPIED = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)
LOCKLESS = (errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL)
"""How file systems say that they have no locks."""
_GROUPS = ("SLURM_JOB_ID", "SLURM_STEP_ID", "TORCHELASTIC_RUN_ID", "MASTER_ADDR", "MASTER_PORT")


def process_group() -> str:
    """What the processes of one run have in common, by the variables that Lightning reads; empty for a single one."""
    ranked = any(name in os.environ for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID"))
    return "\n".join(f"{name}={os.environ[name]}" for name in _GROUPS if name in os.environ) if ranked else ""


def claimed(folder: Path, group: str = "") -> Path:
    """Make a folder that nobody else has: `folder`, or the first of `folder_2`, `folder_3`, ... that is free.

    Any number of processes may do this at once: a folder is renamed into its place, which works for one of them only.

    Args:
        folder: the wish.
        group: those who claim for the same group get the same folder; see `process_group`.

    Raises:
        OSError: no folder can be made there.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = folder.with_name(f".{uuid.uuid4().hex}")
    made.mkdir()
    try:
        (made / LOCK).touch()  # a folder replaces an empty one, but no other
        (made / GROUP).write_text(group, encoding="utf-8") if group else None
        for number in itertools.count(1):
            wanted = folder if number == 1 else folder.with_name(f"{folder.name}_{number}")
            if _renamed(made, wanted) or (group and _group_of(wanted) == group):
                return wanted
        raise AssertionError("numbers never end")
    finally:
        shutil.rmtree(made, ignore_errors=True)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a run's or a sweep's folder; the operating system lets go of it where the process dies.

    Only the first process of a run does so; the others share its folder.

    Raises:
        DRBNError: another run holds it.
        OSError: the folder cannot be made or written.
    """
    if not first_process():
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("a") as lock:
        if not _locked(lock):
            raise DRBNError(
                f"{folder} belongs to a run or sweep that still runs; wait, or choose another hydra.run.dir "
                "(of a sweep: hydra.sweep.dir)"
            )
        yield


def is_held(folder: Path) -> bool:
    """Whether a run or sweep of another process may go on in a folder: it holds it, or nobody can tell.

    Not to be asked of a folder that this process holds: closing the lock's file would let go of it.
    """
    if not folder.exists():
        return True  # it lies on another machine
    try:
        with (folder / LOCK).open("r+") as lock:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def _locked(file: TextIO) -> bool:
    """Lock a file until it is closed; False where another process has.

    By POSIX's locks, which loading processes do not inherit: those of a killed run live on for a moment.
    """
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EAGAIN, *LOCKLESS):
            raise
        return error.errno in LOCKLESS
    return True


def _renamed(made: Path, wanted: Path) -> bool:
    try:
        made.rename(wanted)
    except OSError as error:
        if error.errno not in OCCUPIED:
            raise
        return False
    return True


def _group_of(folder: Path) -> str | None:
    try:
        return (folder / GROUP).read_text(encoding="utf-8")
    except OSError:
        return None
