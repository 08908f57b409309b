"""A task run in a forked child: a crash or a hang there is seen, and costs that child only."""

import multiprocessing
import os
import resource
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from drbn_lightning.errors import DRBNError


class Forked:
    """A child that answers one question after the other; a new one after each crash or hang.

    An answer is a tuple of a word and more: `refused` and the message of a DRBNError, `fault` and a traceback, `hang`,
    `crash` and the exit code, or whatever the task gives.
    """

    def __init__(self, task: Callable[..., tuple[Any, ...]], *, deadline: float, memory: int | None = None) -> None:
        """Start nothing yet.

        Args:
            task: what the child does.
            deadline: seconds of the processor's time for one answer; of other time, during which it may have to wait
                for other work, thirty times as much.
            memory: bytes of address space that the child may have beyond what it begins with.
        """
        self._task, self._deadline, self._memory = task, deadline, memory
        self._context = multiprocessing.get_context("fork")
        self._child: Any = None
        self._line: Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def __call__(self, *question: Any) -> tuple[Any, ...]:  # noqa: ANN401  # whatever the task takes
        """Ask, and wait for the answer."""
        if self._line is None:
            self._line, theirs = self._context.Pipe()
            self._child = self._context.Process(target=self._serve, args=(theirs,), daemon=True)
            self._child.start()
            theirs.close()
        try:
            self._line.send(question)
            if self._hangs(self._line):
                self._end()
                return "hang", self._deadline
            answer: tuple[Any, ...] = self._line.recv()
        except (EOFError, OSError):
            self._child.join(self._deadline)
            code = self._child.exitcode
            self._end()
            return "crash", code
        return answer

    def _hangs(self, line: Connection) -> bool:
        begun, used = time.monotonic(), self._seconds()
        while not line.poll(min(5, self._deadline)):
            if self._seconds() - used > self._deadline or time.monotonic() - begun > 30 * self._deadline:
                return not line.poll(0)
        return False

    def _seconds(self) -> float:
        """How long the child has had a processor."""
        stat = Path(f"/proc/{self._child.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")

    def _end(self) -> None:
        if self._line is not None:
            self._child.kill()
            self._child.join()
            self._line.close()
            self._line = None

    def _serve(self, line: Connection) -> None:
        if self._memory is not None:
            begun = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * os.sysconf("SC_PAGE_SIZE")
            resource.setrlimit(resource.RLIMIT_AS, (begun + self._memory,) * 2)
        while True:
            try:
                question = line.recv()
            except EOFError:
                return
            try:
                answer = self._task(*question)
            except DRBNError as error:
                answer = "refused", str(error)
            except BaseException:  # whatever it is, the parent must hear of it
                answer = "fault", traceback.format_exc()
            line.send(answer)
