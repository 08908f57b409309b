"""Files written all or nothing, and why a file cannot be written."""

import errno
import os
import stat
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from drbn_lightning.errors import DRBNError

TEMPORARY_SUFFIX = ".part"
"""How the hidden files end that `written_beside` has not finished yet."""
DAY = 24 * 60 * 60.0
"""Seconds after which nobody writes an unfinished file any more."""

UNWRITABLE = {
    errno.ENOSPC: "no space is left on the device",
    errno.EFBIG: "the file would be larger than is allowed",
    errno.EDQUOT: "the disk quota is used up",
    errno.EACCES: "permission is denied",
    errno.EPERM: "permission is denied",
    errno.EROFS: "the file system is read-only",
    errno.ENOTDIR: "a file is in the place of a folder",
    errno.EEXIST: "a file is in the place of a folder",
    errno.EISDIR: "a folder is in its place",
    errno.ENAMETOOLONG: "its name is too long",
}
"""Why a file cannot be written, by error number, where the reason lies outside the program."""


class UnwritableError(DRBNError):
    """A file cannot be written for a reason that lies outside the program: space, permission, a name in the way."""


@contextmanager
def written_beside(path: Path, *, mode: int | None = None) -> Iterator[Path]:
    """Give a temporary path in the folder of `path`, renamed to `path` at the end or removed after an exception.

    The folder is made where it is missing. Several processes may write the same `path`; the last one stays. A
    symbolic link stays, and the file that it leads to is replaced; what is replaced keeps its permissions. For
    `torch.save` see `checkpoints.artifact.write`: given a path or a file, it hides a full disk in a RuntimeError.

    Args:
        path: the file.
        mode: permissions of a new file, less what the process's umask forbids.

    Raises:
        UnwritableError: no space, no permission, a read-only file system or a file in the place of a folder.
    """
    place = Path(os.path.realpath(path)) if os.path.islink(path) else path  # noqa: PTH114  # false where forbidden
    temporary = place.parent / f".{uuid.uuid4().hex}{TEMPORARY_SUFFIX}"
    try:
        _make_folder(place)
        old = _permissions(place)
        _create(temporary, mode if old is None else old)
        yield temporary
        if old is not None:
            temporary.chmod(old)
        temporary.replace(place)
    except OSError as error:
        # An error about another file is the caller's: it keeps its own name. Failed writes name no file.
        ours = error.filename is None or Path(error.filename) in {temporary, path, place, *path.parents, *place.parents}
        if ours and error.errno in UNWRITABLE:
            message = f"{path} cannot be written: {UNWRITABLE[error.errno]}; mend that or choose another folder."
            raise UnwritableError(message) from error
        raise
    finally:
        _remove(temporary)


def remove_leftovers(folder: Path, older: float = DAY) -> None:
    """Remove what killed processes have left half written in a folder and all below it; nothing else.

    Args:
        folder: it may be missing.
        older: seconds since the last change of what is removed; 0 where nobody else can be writing.
    """
    until = time.time() - older
    for file in folder.rglob(f".{'[0-9a-f]' * 32}{TEMPORARY_SUFFIX}"):
        with suppress(OSError):  # somebody else has removed it, or may
            if file.stat().st_mtime <= until:
                file.unlink()


def _permissions(file: Path) -> int | None:
    """Those of a file; None where there is none."""
    try:
        status = file.stat()
    except OSError:
        return None
    return stat.S_IMODE(status.st_mode) if stat.S_ISREG(status.st_mode) else None


def _create(file: Path, mode: int | None) -> None:
    """Make an empty file that nobody else may read before it is done, where its permissions are known."""
    if mode is not None:
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode & 0o666 | 0o600))


def _make_folder(path: Path) -> None:
    """Make the folder of a file; whatever is wrong there, such as a folder of /proc, is the user's to mend."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if error.errno in UNWRITABLE:
            raise
        raise UnwritableError(f"{path} cannot be written ({error.strerror}); choose another folder.") from error


def _remove(file: Path) -> None:
    """Remove a file that may be missing or in a folder that is none."""
    try:
        file.unlink(missing_ok=True)
    except OSError:  # the folder itself was the trouble, and that is reported already
        return
