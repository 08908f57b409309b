"""How every command speaks: what it says, what it complains of, and the status that it exits with."""

import logging
import sys
from collections.abc import Callable

from drbn_lightning.errors import DRBNError

DONE, FAILED, INTERRUPTED = 0, 1, 130
LOG = logging.getLogger("drbn_lightning")


def say(text: str) -> None:
    """Tell the user something, on standard output and in the run's log where there is one."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
    LOG.info(text)


def complain(text: str) -> None:
    """Tell the user what is wrong, on standard error."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def exit_status(task: Callable[[], int | None], interrupted: Callable[[], str] = lambda: "interrupted") -> int:
    """Run a task; a `DRBNError` becomes one line, Ctrl-C what `interrupted` gives.

    Returns:
        What the task returns, 0 for None; 1 after an error, 130 after Ctrl-C.
    """
    try:
        return task() or DONE
    except DRBNError as error:
        complain(f"error: {error}")
        return FAILED
    except KeyboardInterrupt:
        complain(f"\n{interrupted()}")
        return INTERRUPTED
