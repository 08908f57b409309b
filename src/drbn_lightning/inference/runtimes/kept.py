"""Where exported networks are kept between runs, and what happens where nothing can be kept."""

import atexit
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from drbn_lightning.checkpoints.enhancement_model import EnhancementModel
from drbn_lightning.inference.runtimes.export import cached_export, export_path
from drbn_lightning.terminal import complain


def kept_export(model: EnhancementModel) -> Path:
    """The exported file of a network: that of an earlier run, or a new one for later runs.

    Where nothing can be kept, as without a home folder, it is a file of this process alone, and a note says so.

    Raises:
        DRBNError: see `export.exported`.
    """
    folder = next(cache_folders(), None)
    if folder is not None and (export_path(model, folder).is_file() or _writable(folder)):
        return cached_export(model, folder)
    return cached_export(model, _own_folder(folder))


def is_kept(model: EnhancementModel) -> bool:
    """Whether an earlier run has exported a network."""
    return any(export_path(model, folder).is_file() for folder in itertools.islice(cache_folders(), 1))


def cache_folders() -> Iterator[Path]:
    """Where caches of this package go: `DRBN_CACHE`, below `XDG_CACHE_HOME`, below the home folder if there is one."""
    if os.environ.get("DRBN_CACHE"):
        yield Path(os.environ["DRBN_CACHE"])
    if os.environ.get("XDG_CACHE_HOME"):
        yield Path(os.environ["XDG_CACHE_HOME"]) / "drbn_lightning"
    try:
        yield Path.home() / ".cache" / "drbn_lightning"
    except RuntimeError:  # neither HOME nor an account
        return


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


@cache
def _own_folder(wanted: Path | None) -> Path:
    """A folder of this process, removed at its end."""
    folder = tempfile.mkdtemp(prefix="drbn-exports-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    reason = "there is no home folder" if wanted is None else f"{wanted} cannot be written"
    complain(f"note: the exported network is not kept for the next run, as {reason}; set DRBN_CACHE=PATH to keep it")
    return Path(folder)
