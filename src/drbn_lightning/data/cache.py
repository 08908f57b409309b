"""Images decoded once: a memory-mapped file that every worker and every process reads without copying.

`<folder>/<key>.bin` holds all images as `(3, H, W)` uint8, one after the other; `<folder>/<key>.json` says where
each one lies and what it contains, with checksums of each image and of itself. The JSON is written last: where it is,
the rest is complete. Thousands of photos may be kept small: shrunk to one short side as they are decoded.
"""

import hashlib
import json
import logging
import zlib
from collections.abc import Sequence
from contextlib import suppress
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from drbn_lightning.data.crops import thumbnail_tensor
from drbn_lightning.data.decoding import Entry, decode, decoded
from drbn_lightning.errors import DRBNError
from drbn_lightning.files import UnwritableError, remove_leftovers, written_beside

FORMAT = 3
"""Version of the two files; a new one makes every cache anew."""

_log = logging.getLogger("drbn_lightning")  # Hydra switches off others that are there before a run begins


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
        content = _read_index(index)
        self._index, self._short_side = index, content["short_side"]
        self._entries = [Entry(**{**entry, "shape": tuple(entry["shape"])}) for entry in content["images"]]
        self.failed = [Failure(**failure) for failure in content.get("failed", [])]
        size = index.with_suffix(".bin").stat().st_size
        if size != content["size"] or size != sum(prod(entry.shape) for entry in self._entries):
            raise ValueError(f"{index} does not fit its images")
        self._values = _map(index.with_suffix(".bin"), size)
        self._thumbnails, self._checked = dict[int, Tensor](), set[int]()

    @classmethod
    def open(cls, folder: Path, paths: Sequence[Path], short_side: int | None = None, tolerant: bool = False) -> Self:
        """Open the cache of these files, or decode them into one.

        A file that was moved, changed or replaced is decoded again, also where its size and time stayed as they were
        (`cp -p`). Any number of processes may do this at once; each one ends with a complete cache.

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
            remove_leftovers(folder)
            _write(index, paths, short_side, tolerant)
            return cls(index)
        except UnwritableError as error:
            raise DRBNError(
                f"{error} The decoded images go to {folder}: set another one by paths.cache=PATH."
            ) from error

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, number: int) -> Tensor:
        """Give one image, `(3, H, W)` uint8, without copying it; damaged ones are decoded again.

        Raises:
            DRBNError: it is damaged and cannot be decoded again.
        """
        entry = self._entries[number]
        values = self._values[entry.offset : entry.offset + prod(entry.shape)]
        if entry.offset not in self._checked:  # once in each process
            if zlib.crc32(values.data) != entry.checksum:
                self._mend(entry, values)
            self._checked.add(entry.offset)
        return torch.from_numpy(values).view(entry.shape)

    def _mend(self, entry: Entry, values: NDArray[np.uint8]) -> None:
        """Decode a damaged image again, for this process and, where it may write, for others."""
        file = self._index.with_suffix(".bin")
        _log.warning("%s is damaged: decoding %s again", file, entry.path)
        again, fresh = decode(Path(entry.path), self._short_side)
        if (fresh.checksum, fresh.digest) != (entry.checksum, entry.digest):
            raise DRBNError(
                f"{file} is damaged, and {entry.path} has changed since; remove {self._index} and run this again"
            )
        values[:] = again.ravel()
        with suppress(OSError), file.open("r+b") as cached:
            cached.seek(entry.offset)
            cached.write(again.data)

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
        file = (path.resolve(), status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
        key.update(("\0".join(map(str, file)) + "\n").encode(errors="surrogateescape"))
    return key.hexdigest()


def _map(file: Path, size: int) -> NDArray[np.uint8]:
    """Map a file; mode `c` (copy on write) is the read-only one of which torch takes tensors without a warning."""
    return np.asarray(np.memmap(file, dtype=np.uint8, mode="c")) if size else np.empty(0, dtype=np.uint8)


def _write(index: Path, paths: Sequence[Path], short_side: int | None, tolerant: bool) -> None:
    """Write both files, the JSON last."""
    with written_beside(index.with_suffix(".bin")) as temporary, temporary.open("wb") as file:
        entries, failed = _write_images(file, paths, short_side, tolerant)
    content: dict[str, Any] = {"format": FORMAT, "size": sum(prod(entry.shape) for entry in entries)}
    content |= {"short_side": short_side, "images": [entry._asdict() for entry in entries]}
    content["failed"] = [failure._asdict() for failure in failed]
    text = json.dumps(content)
    with written_beside(index) as temporary:
        temporary.write_text(f"{zlib.crc32(text.encode())}\n{text}", encoding="utf-8")


def _read_index(index: Path) -> dict[str, Any]:
    """The content of the JSON, which follows its checksum in a line of its own."""
    checksum, _, text = index.read_text(encoding="utf-8").partition("\n")
    if int(checksum) != zlib.crc32(text.encode()):
        raise ValueError(f"{index} is damaged")
    content: dict[str, Any] = json.loads(text)
    return content


def _write_images(
    file: BinaryIO, paths: Sequence[Path], short_side: int | None, tolerant: bool
) -> tuple[list[Entry], list[Failure]]:
    """Write images one after the other as they are decoded."""
    entries: list[Entry] = []
    failed: list[Failure] = []
    offset = 0
    for position, image in enumerate(decoded(paths, short_side)):
        try:
            values, entry = image.result()
        except DRBNError as error:
            if not tolerant or getattr(error.__cause__, "errno", None) is not None:
                raise
            failed.append(Failure(position, paths[position].name, str(error)))
            continue
        file.write(values.data)
        entries.append(entry._replace(offset=offset))
        offset += values.nbytes
    return entries, failed
