"""Images decoded once: a memory-mapped file that every worker and every process reads without copying.

`<folder>/<key>.bin` holds all images as `(3, H, W)` uint8, one after the other; `<folder>/<key>.json` says where
each one lies and what it contains. The JSON is written last: where it is, the rest is complete. Thousands of photos may
be kept small: shrunk to one short side as they are decoded.
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
from drbn_lightning.data.crops import thumbnail_tensor
from drbn_lightning.errors import DRBNError
from drbn_lightning.files import TEMPORARY_SUFFIX, UnwritableError, written_beside
from drbn_lightning.images.rgb import read_rgb, resized

FORMAT = 2
"""Version of the two files; a new one makes every cache anew."""

_DAY = 24 * 60 * 60.0  # seconds
_log = logging.getLogger(__name__)


class Entry(NamedTuple):
    """One image of the cache: name of its file, shape as kept, offset in bytes, and what the WHOLE image contains.

    `digest` and `signature` are of the image as decoded, before it was resized.
    """

    name: str
    shape: tuple[int, int, int]
    offset: int
    digest: str
    signature: str


class Failure(NamedTuple):
    """A file that could not be decoded: its place among the paths, its name and why."""

    position: int
    name: str
    reason: str


class ImageCache:
    """A sequence of decoded images; make it with `ImageCache.open`.

    A copy that is pickled carries only its path and maps the file again, so workers cost nothing. Writing to an image
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
        self._entries = [Entry(**{**entry, "shape": tuple(entry["shape"])}) for entry in content["images"]]
        self.failed = [Failure(**failure) for failure in content.get("failed", [])]
        size = index.with_suffix(".bin").stat().st_size
        if size != content["size"] or size != sum(prod(entry.shape) for entry in self._entries):
            raise ValueError(f"{index} does not fit its images")
        self._values = _map(index.with_suffix(".bin"), size)
        self._thumbnails = dict[int, Tensor]()

    @classmethod
    def open(cls, folder: Path, paths: Sequence[Path], short_side: int | None = None, tolerant: bool = False) -> Self:
        """Open the cache of these files, or decode them into one.

        A file that changed its place, size or time of change is decoded again. Any number of processes may do this at
        once; each one ends with a complete cache.

        Args:
            folder: where caches lie; made where it is missing. Its old caches stay.
            paths: images of any sizes, in the order of the cache.
            short_side: keep every image resized to this shorter side, in pixels; None keeps them as they are.
            tolerant: leave out images that are corrupt, and list them in `failed`. Files that the system does not
                let us read are errors all the same: mending that would leave the cache as it is.

        Raises:
            DRBNError: an image cannot be decoded, or the cache cannot be written (`paths.cache`).
        """
        index = folder / f"{_key(paths, short_side, tolerant)}.json"
        with suppress(OSError, ValueError, KeyError, TypeError):
            return cls(index)
        _log.info("Decoding %d images into %s", len(paths), folder)
        try:
            _remove_leftovers(folder)
            _write(index, paths, short_side, tolerant)
            return cls(index)
        except UnwritableError as error:
            raise DRBNError(
                f"{error} The decoded images go to {folder}: set another one by paths.cache=PATH."
            ) from error

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, number: int) -> Tensor:
        """Give one image, `(3, H, W)` uint8, without copying it."""
        entry = self._entries[number]
        values = self._values[entry.offset : entry.offset + prod(entry.shape)]
        return torch.from_numpy(values).view(entry.shape)

    def __reduce__(self) -> tuple[type[Self], tuple[Path]]:
        return type(self), (self._index,)

    def name(self, number: int) -> str:
        """Name of the file, with its suffix."""
        return self._entries[number].name

    def shape(self, number: int) -> tuple[int, int, int]:
        """Shape of the image as kept, `(3, H, W)`."""
        return self._entries[number].shape

    def thumbnail(self, number: int) -> Tensor:
        """Thumbnail of the whole image as kept, `(3, S, S)` float32 in [0, 1], see `drbn_lightning.thumbnails`."""
        if number not in self._thumbnails:
            self._thumbnails[number] = thumbnail_tensor(self[number])
        return self._thumbnails[number]

    def digest(self, number: int) -> str:
        """Exact hash of the image, see `fingerprints.digest`."""
        return self._entries[number].digest

    def signature(self, number: int) -> str:
        """Thumbnail of the image, see `fingerprints.signature`."""
        return self._entries[number].signature


def _key(paths: Sequence[Path], short_side: int | None, tolerant: bool) -> str:
    """Name the cache of these files as they are now, kept in this way."""
    way = (f"short side {short_side}\n" if short_side is not None else "") + ("tolerant\n" if tolerant else "")
    key = hashlib.sha256(f"format {FORMAT}\n{way}".encode())
    for path in paths:
        try:
            status = path.stat()
        except OSError as error:
            raise DRBNError(f"The image {path} cannot be opened ({error.strerror}); check the path.") from error
        key.update(f"{path.resolve()}\0{status.st_size}\0{status.st_mtime_ns}\n".encode(errors="surrogateescape"))
    return key.hexdigest()


def _map(file: Path, size: int) -> NDArray[np.uint8]:
    """Map a file; mode `c` (copy on write) is the read-only one of which torch takes tensors without a warning."""
    return np.asarray(np.memmap(file, dtype=np.uint8, mode="c")) if size else np.empty(0, dtype=np.uint8)


def _write(index: Path, paths: Sequence[Path], short_side: int | None, tolerant: bool) -> None:
    """Write both files, the JSON last."""
    with written_beside(index.with_suffix(".bin")) as temporary, temporary.open("wb") as file:
        entries, failed = _write_images(file, paths, short_side, tolerant)
    content: dict[str, Any] = {"format": FORMAT, "size": sum(prod(entry.shape) for entry in entries)}
    content["images"] = [entry._asdict() for entry in entries]
    content["failed"] = [failure._asdict() for failure in failed]
    with written_beside(index) as temporary:
        temporary.write_text(json.dumps(content), encoding="utf-8")


def _write_images(
    file: BinaryIO, paths: Sequence[Path], short_side: int | None, tolerant: bool
) -> tuple[list[Entry], list[Failure]]:
    """Write images one after the other as they are decoded."""
    entries: list[Entry] = []
    failed: list[Failure] = []
    offset = 0
    for position, decoded in enumerate(_decoded(paths, short_side)):
        try:
            values, entry = decoded.result()
        except DRBNError as error:
            if not tolerant or getattr(error.__cause__, "errno", None) is not None:
                raise
            failed.append(Failure(position, paths[position].name, str(error)))
            continue
        file.write(values.data)
        entries.append(entry._replace(offset=offset))
        offset += values.nbytes
    return entries, failed


Decoded = tuple[NDArray[np.uint8], Entry]


def _decoded(paths: Sequence[Path], short_side: int | None) -> Iterator[Future[Decoded]]:
    """Decode in threads (Pillow and SHA-256 release the GIL), in order, with few images in memory at a time."""
    workers = os.cpu_count() or 1
    waiting: deque[Future[Decoded]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for path in paths:
            waiting.append(pool.submit(_decode, path, short_side))
            if len(waiting) > 2 * workers:
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()


def _decode(path: Path, short_side: int | None) -> Decoded:
    """Decode one image to `(3, H, W)` and describe it; its offset is not known yet."""
    rgb = read_rgb(path)
    whole = torch.from_numpy(rgb).permute(2, 0, 1)
    digest, signature = fingerprints.digest(whole), fingerprints.signature(whole)
    kept = rgb if short_side is None else resized(rgb, short_side)
    values = np.ascontiguousarray(kept.transpose(2, 0, 1))
    return values, Entry(path.name, (3, values.shape[1], values.shape[2]), 0, digest, signature)


def _remove_leftovers(folder: Path) -> None:
    """Remove what a killed process left half written more than a day ago."""
    with suppress(OSError):
        for file in folder.glob(f".*{TEMPORARY_SUFFIX}"):
            if time.time() - file.stat().st_mtime > _DAY:
                file.unlink()
