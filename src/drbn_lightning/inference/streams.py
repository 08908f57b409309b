"""Standard input as a photo, and a result on standard output: both are called `-`."""

import shutil
import sys
from pathlib import Path

from drbn_lightning.errors import DRBNError
from drbn_lightning.images.formats import HEAD_LENGTH, format_of
from drbn_lightning.inference.left_out import Failure

STREAM = "-"
NAME = "standard input"


def stored_input(folder: Path) -> Path:
    """Write standard input to a file in a folder, with the suffix of its format.

    Raises:
        DRBNError: nothing comes.
    """
    path = folder / "stdin"
    with path.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    with path.open("rb") as file:
        head = file.read(HEAD_LENGTH)
    if not head:
        raise DRBNError(f"{NAME} is empty; give a file, or let another command write into this one")
    return path.rename(path.with_suffix(format_of(head) or ""))


def emit(path: Path) -> None:
    """Copy a file to standard output."""
    with path.open("rb") as file:
        shutil.copyfileobj(file, sys.stdout.buffer)
    sys.stdout.buffer.flush()


def renamed(failure: Failure, path: Path | None) -> Failure:
    """A failure of the file that stands for standard input, under the name that the user knows."""
    if path is None:
        return failure
    return failure._replace(source=STREAM, cause=failure.cause.replace(str(path), NAME))
