"""Loggers, when a run ends."""

import sys


def finish_logger_runs() -> None:
    """Finish a W&B run, if one is open: without this the jobs of a multirun would flow into one."""
    wandb = sys.modules.get("wandb")  # a run without W&B has not imported it, and need not spend the second
    if wandb is not None and wandb.run is not None:
        wandb.finish()
