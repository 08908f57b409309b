"""Commands in processes of their own that have imported everything already, and how they are disturbed.

A server imports torch, Lightning and the package once, without starting a thread, and forks a process for each command:
a training costs seconds less than in an interpreter of its own. Each process leads a session of its own.
"""

import multiprocessing
import os
import signal
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, Protocol

_HEAVY = ["drbn_lightning.train", "drbn_lightning.tasks.train", "drbn_lightning.enhance", "pytorch_lightning.loggers"]
_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload([*_HEAVY, __name__])
LIMIT = 1800.0
"""Seconds after which a command counts as one that does not end: beside other work a training takes minutes."""
HEARD = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that a process hears as one of a terminal does, however the tests were started."""


class Disturbance(Protocol):
    """Something that goes wrong in a process."""

    def arm(self) -> None:
        """Called in the process before the command begins."""


class Ended(NamedTuple):
    """How a process ended: its status, minus a signal's number where one killed it, and what it has said."""

    status: int
    said: str


def run(
    folder: Path, words: list[str], disturbance: Disturbance | None = None, entry: str = "train", seconds: float = LIMIT
) -> Ended:
    """Run a command and wait until it, and all that it has started, has ended.

    Args:
        folder: where it runs; made where it is missing.
        words: its command line.
        disturbance: what goes wrong in it.
        entry: the name of the command.
        seconds: after which it counts as one that does not end.

    Raises:
        AssertionError: it, or a process that it has started, does not end.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / ".said"
    process = _SERVER.Process(target=_main, args=(folder, log, words, disturbance, entry))
    process.start()
    process.join(seconds)
    assert process.exitcode is not None, f"{words} has not ended"
    assert process.pid is not None
    wait_until_gone(process.pid)
    said = log.read_text(encoding="utf-8")
    log.unlink()
    return Ended(process.exitcode, said)


def wait_until_gone(session: int) -> None:
    """Wait until no process of a session is left: loading processes look for their parent every few seconds."""
    until = time.monotonic() + LIMIT
    while left := members(session):
        assert time.monotonic() < until, f"processes {left} of session {session} have not ended"
        time.sleep(0.05)


def members(session: int) -> list[int]:
    """The processes of a session, but for those that have ended and wait to be asked for their status."""
    found = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _parent, _group, of = file.read_text().rpartition(")")[2].split()[:4]
        except OSError:  # it has ended since
            continue
        if int(of) == session and state != "Z":
            found.append(int(file.parent.name))
    return found


def _main(folder: Path, log: Path, words: list[str], disturbance: Disturbance | None, entry: str) -> None:
    os.setsid()
    multiprocessing.set_start_method(multiprocessing.get_all_start_methods()[0], force=True)  # not the server's
    output = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    for number in HEARD:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    os.chdir(folder)
    module = import_module(f"drbn_lightning.{entry}")
    sys.argv = [f"drbn-{entry}", *words]
    if disturbance is not None:
        disturbance.arm()
    sys.exit(module.main())
