"""The moments at which a run can be killed, counted in one run and chosen at random in others."""

import json
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from drbn_lightning.callbacks.checkpoints import ResumePoint
from drbn_lightning.files import TEMPORARY_SUFFIX

HOOKS = {
    "before a step": "on_train_batch_start",
    "between gradients and step": "on_before_optimizer_step",
    "in a validation": "on_validation_batch_start",
}
FILES = ("file half written", "file before its renaming", "file after its renaming")
MOMENTS = (*HOOKS, *FILES)


def observe(note: Callable[[str, Path | None], None]) -> None:
    """Have every moment of this process noted, with the temporary file where it is one of a file."""
    for moment, hook in HOOKS.items():
        setattr(ResumePoint, hook, lambda *_, moment=moment: note(moment, None))
    replace = Path.replace

    def replaced(self: Path, target: Path) -> Path:
        written = self.suffix == TEMPORARY_SUFFIX
        for moment in FILES[:2] if written else ():
            note(moment, self)
        done = replace(self, target)
        if written:
            note(FILES[2], target)
        return done

    Path.replace = replaced  # type: ignore[method-assign,assignment]  # in a process that ends soon


class Census(NamedTuple):
    """Counts all moments of a run, in a file."""

    file: Path

    def arm(self) -> None:
        """Count from now on."""
        counts = Counter[str]()

        def note(moment: str, _: Path | None) -> None:
            counts[moment] += 1
            self.file.write_text(json.dumps(counts))

        observe(note)


class Kill(NamedTuple):
    """Sends the process a signal at one of its moments; the first one has number 0."""

    moment: str
    number: int
    signal: int = signal.SIGKILL
    whole_session: bool = False

    def arm(self) -> None:
        """Wait for the moment."""
        counts = Counter[str]()

        def note(moment: str, file: Path | None) -> None:
            counts[moment] += 1
            if (moment, counts[moment] - 1) == (self.moment, self.number):
                if moment == FILES[0] and file is not None:
                    os.truncate(file, file.stat().st_size // 2)
                self.send()

        observe(note)

    def send(self) -> None:
        """Send the signal, to the process alone or to those that it has started as well."""
        if self.whole_session:  # from outside: a loading process hears its parent, and nobody else
            subprocess.run(["kill", f"-{self.signal:d}", "--", f"-{os.getpgid(0)}"], check=False)
        else:
            os.kill(os.getpid(), self.signal)


def counted(file: Path) -> dict[str, int]:
    """What a `Census` has counted."""
    counts: dict[str, Any] = json.loads(file.read_text())
    return counts
