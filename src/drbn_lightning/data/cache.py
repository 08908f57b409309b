"""Pictures decoded once: a memory-mapped file that every worker and every process reads without copying.

`<folder>/<key>.bin` holds all pictures as `(3, H, W)` uint8, one after the other; `<folder>/<key>.json` says where
each one lies and what it contains. The JSON is written last: where it is, the rest is complete.
"""

import hashlib
import json
import logging
import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from drbn_lightning.data import fingerprints
from drbn_lightning.errors import DRBNError
from drbn_lightning.image_files import TEMPORARY_SUFFIX, UnwritableError, read_rgb, written_beside

FORMAT = 1
"""Version of the two files; a new one makes every cache anew."""

_DAY = 24 * 60 * 60.0  # seconds
_log = logging.getLogger(__name__)


class Entry(NamedTuple):
    """One picture of the cache: name of its file, shape, offset in bytes, and what it contains."""

    name: str
    shape: tuple[int, int, int]
    offset: int
    digest: str
    signature: str
    mean: float


class PictureCache:
    """A sequence of decoded pictures; make it with `PictureCache.open`.

    A copy that is pickled carries only its path and maps the file again, so workers cost nothing. Writing to a picture
    changes neither the file nor what other processes see, but it does change what this process reads: do not.
    """

    def __init__(self, index: Path) -> None:
        """Map a complete cache.

        Args:
            index: the JSON file.

        Raises:
            OSError, ValueError, KeyError, TypeError: a file is missing or damaged; `open` makes it anew.
        """
        content = json.loads(index.read_text(encoding="utf-8"))
        self._index = index
        self._entries = [Entry(**{**entry, "shape": tuple(entry["shape"])}) for entry in content["pictures"]]
        size = index.with_suffix(".bin").stat().st_size
        if size != content["size"] or size != sum(prod(entry.shape) for entry in self._entries):
            raise ValueError(f"{index} does not fit its pictures")
        self._values = _map(index.with_suffix(".bin"), size)

    @classmethod
    def open(cls, folder: Path, paths: Sequence[Path]) -> Self:
        """Open the cache of these files, or decode them into one.

        A file that changed its place, size or time of change is decoded again. Any number of processes may do this at
        once; each one ends with a complete cache.

        Args:
            folder: where caches lie; made where it is missing. Its old caches stay.
            paths: pictures of any sizes, in the order of the cache.

        Raises:
            DRBNError: a picture cannot be decoded, or the cache cannot be written (`paths.cache`).
        """
        index = folder / f"{_key(paths)}.json"
        with suppress(OSError, ValueError, KeyError, TypeError):
            return cls(index)
        _log.info("Decoding %d pictures into %s", len(paths), folder)
        try:
            _remove_leftovers(folder)
            _write(index, paths)
            return cls(index)
        except UnwritableError as error:
            raise DRBNError(
                f"{error} The decoded pictures go to {folder}: set another one by paths.cache=PATH."
            ) from error

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, number: int) -> Tensor:
        """Give one picture, `(3, H, W)` uint8, without copying it."""
        entry = self._entries[number]
        values = self._values[entry.offset : entry.offset + prod(entry.shape)]
        return torch.from_numpy(values).view(entry.shape)

    def __reduce__(self) -> tuple[type[Self], tuple[Path]]:
        return type(self), (self._index,)

    def name(self, number: int) -> str:
        """Name of the file, with its suffix."""
        return self._entries[number].name

    def shape(self, number: int) -> tuple[int, int, int]:
        """Shape of the picture, `(3, H, W)`."""
        return self._entries[number].shape

    def mean(self, number: int) -> float:
        """Mean over pixels and colours of the display values in [0, 1]."""
        return self._entries[number].mean

    def digest(self, number: int) -> str:
        """Exact hash of the picture, see `fingerprints.digest`."""
        return self._entries[number].digest

    def signature(self, number: int) -> str:
        """Thumbnail of the picture, see `fingerprints.signature`."""
        return self._entries[number].signature


def _key(paths: Sequence[Path]) -> str:
    """Name the cache of these files as they are now."""
    key = hashlib.sha256(f"format {FORMAT}\n".encode())
    for path in paths:
        try:
            status = path.stat()
        except OSError as error:
            raise DRBNError(f"The picture {path} cannot be opened ({error.strerror}); check the path.") from error
        key.update(f"{path.resolve()}\0{status.st_size}\0{status.st_mtime_ns}\n".encode(errors="surrogateescape"))
    return key.hexdigest()


def _map(file: Path, size: int) -> NDArray[np.uint8]:
    """Map a file; mode `c` (copy on write) is the read-only one of which torch takes tensors without a warning."""
    return np.asarray(np.memmap(file, dtype=np.uint8, mode="c")) if size else np.empty(0, dtype=np.uint8)


def _write(index: Path, paths: Sequence[Path]) -> None:
    """Write both files, the JSON last."""
    with written_beside(index.with_suffix(".bin")) as temporary, temporary.open("wb") as file:
        entries = _write_pictures(file, paths)
    content: dict[str, Any] = {"format": FORMAT, "size": sum(prod(entry.shape) for entry in entries)}
    content["pictures"] = [entry._asdict() for entry in entries]
    with written_beside(index) as temporary:
        temporary.write_text(json.dumps(content), encoding="utf-8")


def _write_pictures(file: BinaryIO, paths: Sequence[Path]) -> list[Entry]:
    """Write pictures one after the other as they are decoded."""
    entries: list[Entry] = []
    offset = 0
    for values, entry in _decoded(paths):
        file.write(values.data)
        entries.append(entry._replace(offset=offset))
        offset += values.nbytes
    return entries


def _decoded(paths: Sequence[Path]) -> Iterator[tuple[NDArray[np.uint8], Entry]]:
    """Decode in threads (Pillow and SHA-256 release the GIL), in order, with few pictures in memory at a time."""
    workers = os.cpu_count() or 1
    waiting: deque[Future[tuple[NDArray[np.uint8], Entry]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for path in paths:
            waiting.append(pool.submit(_decode, path))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _decode(path: Path) -> tuple[NDArray[np.uint8], Entry]:
    """Decode one picture to `(3, H, W)` and describe it; its offset is not known yet."""
    values = np.ascontiguousarray(read_rgb(path).transpose(2, 0, 1))
    picture = torch.from_numpy(values)
    shape = (3, values.shape[1], values.shape[2])
    digest, signature = fingerprints.digest(picture), fingerprints.signature(picture)
    return values, Entry(path.name, shape, 0, digest, signature, float(values.mean(dtype=np.float64)) / 255)


def _remove_leftovers(folder: Path) -> None:
    """Remove what a killed process left half written more than a day ago."""
    with suppress(OSError):
        for file in folder.glob(f".*{TEMPORARY_SUFFIX}"):
            if time.time() - file.stat().st_mtime > _DAY:
                file.unlink()
