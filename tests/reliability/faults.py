"""What goes wrong around a run at one of its moments: a full disk, data that change, a killed worker, no memory."""

import multiprocessing
import resource
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.reliability.moments import observe

FILLER = "filler"


class At(NamedTuple):
    """A moment of a run; the first one has number 0."""

    moment: str
    number: int

    def call(self, fault: "Fault") -> None:
        """Have a fault happen then."""
        counts = Counter[str]()

        def note(moment: str, _: Path | None) -> None:
            counts[moment] += 1
            if (moment, counts[moment] - 1) == self:
                fault.happen()

        observe(note)


class Fault(NamedTuple):
    """Something that happens at a moment."""

    kind: str
    at: At
    path: Path = Path()

    def arm(self) -> None:
        """Wait for the moment."""
        self.at.call(self)

    def happen(self) -> None:
        """Do it."""
        {
            "full": self._fill,
            "removed": self._remove,
            "cut": self._cut,
            "killed worker": self._kill_worker,
            "memory": self._starve,
        }[self.kind]()

    def _fill(self) -> None:
        """Fill the file system of a folder to its last byte."""
        with (self.path / FILLER).open("wb", buffering=0) as file:
            for size in (4096, 1):
                try:
                    while file.write(bytes(size)):
                        pass
                except OSError:
                    continue

    def _remove(self) -> None:
        """Remove a folder with all that it holds."""
        shutil.rmtree(self.path)

    def _cut(self) -> None:
        """Cut each file of decoded images to its first bytes."""
        for file in self.path.glob("*.bin"):
            with file.open("r+b") as opened:
                opened.truncate(10)

    def _kill_worker(self) -> None:
        """Kill a loading process."""
        multiprocessing.active_children()[0].kill()

    def _starve(self) -> None:
        """Forbid to take more memory than there is taken already, but for a few megabytes."""
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 2_000_000, resource.RLIM_INFINITY))


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[Path]:
    """A small file system in memory at a folder; skips the test where that is not allowed, as for an ordinary user."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", *options, "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a file system can be mounted by root only")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
