"""How every command begins and speaks: what it says, what it complains of, and the status that it exits with."""

import errno
import io
import logging
import os
import re
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from drbn_lightning.errors import DRBNError

DONE, FAILED, INTERRUPTED = 0, 1, 130
LOG = logging.getLogger("drbn_lightning")
NOBODY_LISTENS = (errno.EPIPE, errno.EIO, errno.EBADF, errno.ENXIO)
"""What writing gives after a reader or a terminal has gone."""
_usual_warning = warnings.formatwarning
REQUESTS_TO_END = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""SIGHUP is what a process gets whose terminal is lost."""
THREADS_WAIT = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "1000"}
"""How threads wait for each other: they spin shortly, then sleep. GNU's OpenMP takes the second, others the first.

By default they spin for milliseconds at the end of every operation, and so take the processor from whoever shares it,
the thread that they wait for among them (figures: docs/speed.md).
"""
WAITS_OTHERWISE = (*THREADS_WAIT, "KMP_BLOCKTIME")
"""Variables by which a user says how threads wait."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Characters that command a terminal, or turn what it shows around; tabs and new lines do not."""


class LastingOutput(io.FileIO):
    """Standard output or error that writes as long as it can, and goes on without an error when it cannot.

    What a command does is worth more than what it says of it: a reader that has seen enough (`| head -1`), a terminal
    that is lost or a full disk must not end it.
    """

    lost: OSError | None = None
    """Why something was not written, but for a reader or a terminal that has gone."""

    def write(self, data: Any) -> int:  # noqa: ANN401 any buffer, as FileIO declares it
        """Write bytes; all of them count as written where that fails."""
        try:
            return super().write(data)
        except OSError as error:
            if error.errno not in NOBODY_LISTENS:
                self.lost = error
            return memoryview(data).nbytes


def settle() -> None:
    r"""Make standard output and error last, and write what their encoding does not know as `\xe9`.

    Called by every entry point first. What a test or a notebook has put in their place stays. What Pillow warns of
    (images that are large, but not too large, and optional metadata) is left out, in the whole process: images are read
    in threads, and `warnings.catch_warnings` in a thread takes other threads' filters with it. Threads wait for each
    other as `THREADS_WAIT` says, here and in processes that this one starts, unless the user has said how.
    """
    if not any(name in os.environ for name in WAITS_OTHERWISE):
        os.environ.update(THREADS_WAIT)  # read when torch is loaded, so before it
    warnings.filterwarnings("ignore", module=r"PIL\.")
    warnings.formatwarning = _printable_warning
    _fill_descriptors()
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        before = getattr(sys, name)
        if before is None or (before is getattr(sys, f"__{name}__") and isinstance(before, io.TextIOWrapper)):
            setattr(sys, name, _lasting(descriptor, before))


def printable(text: str) -> str:
    r"""A text that cannot command the terminal that shows it, as the name of a file might.

    Example:
        >>> print(printable("a\x1b[2Jb.png"))
        a\x1b[2Jb.png
    """
    return _CONTROL.sub(lambda one: ascii(one[0])[1:-1], text)


def say(text: str) -> None:
    """Tell the user something, on standard output and in the run's log where there is one."""
    write_line(text)
    LOG.info(printable(text))


def write_line(text: str) -> None:
    """Tell the user something on standard output alone: what a sweep says belongs into the log of none of its runs."""
    sys.stdout.write(f"{printable(text)}\n")
    sys.stdout.flush()


def complain(text: str) -> None:
    """Tell the user what is wrong, on standard error."""
    sys.stderr.write(f"{printable(text)}\n")
    sys.stderr.flush()


def exit_status(task: Callable[[], int | None], interrupted: Callable[[], str] = lambda: "interrupted") -> int:
    """Run a task; a `DRBNError` becomes one line, Ctrl-C, SIGTERM and a lost terminal what `interrupted` gives.

    Returns:
        What the task returns, 0 for None; 1 after an error or where its output is lost, 130 after Ctrl-C.
    """
    try:
        with requests_interrupt():
            return task() or _status_of_output()
    except DRBNError as error:
        complain(f"error: {error}")
        return FAILED
    except KeyboardInterrupt:
        complain(f"\n{interrupted()}")
        return INTERRUPTED


@contextmanager
def requests_interrupt() -> Iterator[None]:
    """Have `REQUESTS_TO_END` do what Ctrl-C does; not those that the process ignores, as under nohup."""
    before, process = dict[int, Any](), os.getpid()

    def interrupt(number: int, _frame: FrameType | None) -> None:
        if os.getpid() != process:  # a loading process: a lost terminal is the main process's affair
            if number == signal.SIGTERM:
                os._exit(128 + number)
            return
        if number != signal.SIGTERM:  # a lost terminal is said by itself and by the shell
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread():
        before = {number: signal.getsignal(number) for number in REQUESTS_TO_END}
        before = {number: handler for number, handler in before.items() if handler is signal.SIG_DFL}
        for number in before:
            signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _printable_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    return printable(_usual_warning(message, category, filename, lineno, line))


def _fill_descriptors() -> None:
    """Open what was closed before the process began, or the next file that is opened would be standard output."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)


def _lasting(descriptor: int, before: io.TextIOWrapper | None) -> io.TextIOWrapper:
    raw = LastingOutput(descriptor, "w", closefd=False)
    if before is None:
        return io.TextIOWrapper(io.BufferedWriter(raw), "utf-8", "backslashreplace")
    with suppress(OSError):
        before.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        before.encoding,
        "backslashreplace",
        line_buffering=before.line_buffering or raw.isatty(),
        write_through=before.write_through,
    )


def _status_of_output() -> int:
    """Complain of what could not be said for another reason than that nobody listens."""
    with suppress(OSError, ValueError):
        sys.stdout.flush()
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if not isinstance(raw, LastingOutput) or raw.lost is None:
        return DONE
    complain(f"error: what was to be said is lost, standard output cannot be written: {raw.lost.strerror}")
    return FAILED
