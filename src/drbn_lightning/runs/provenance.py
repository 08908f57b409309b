"""Where a checkpoint or a run came from, in plain values."""

import os
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf


def provenance(config: DictConfig, overrides: list[str]) -> dict[str, Any]:
    """Where a checkpoint came from, in plain values: versions, date, command line and the resolved configuration."""
    return {
        "version": version("drbn-lightning"),
        "commit": _commit(),
        "torch": str(torch.__version__),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "overrides": list(overrides),
        "seed": config.seed,
        "config": OmegaConf.to_yaml(config, resolve=True),
    }


def _commit() -> str | None:
    """The commit of a development checkout; None where the package is installed."""
    folder = Path(__file__).resolve().parents[3]
    if not (folder / ".git").exists():
        return None
    answer = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
    )
    return answer.stdout.strip() or None
