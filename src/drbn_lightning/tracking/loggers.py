"""Loggers, before a run that goes on and when a run ends."""

import os
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path


def go_on_logging(loggers: Iterable[object]) -> None:
    """Have loggers that can, those with a method `go_on`, go on where the resumed run's own have stopped."""
    for logger in loggers:
        go_on = getattr(logger, "go_on", None)
        if go_on is not None:
            go_on()


def finish_logger_runs(exit_code: int = 0) -> None:
    """Finish a W&B run, if one is open: without this the jobs of a multirun would flow into one.

    Args:
        exit_code: 0 for a run that came to its end, anything else for one that failed.
    """
    wandb = sys.modules.get("wandb")  # a run without W&B has not imported it, and need not spend the second
    if wandb is None or wandb.run is None:
        return
    folder = Path(wandb.run.settings.sync_dir) if wandb.run.offline else None
    wandb.finish(exit_code=exit_code)
    if folder is not None and folder.exists():
        sys.stdout.write(f"to send this run to W&B: wandb sync {shlex.quote(_shortest(folder))}\n")
        sys.stdout.flush()


def _shortest(folder: Path) -> str:
    """The folder as the user may type it here."""
    relative = os.path.relpath(folder)
    return str(folder) if relative.startswith("..") else relative
