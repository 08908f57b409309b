"""Remembering what a method found, so that an image can be blended anew without running the network again."""

import hashlib
from pathlib import Path

import numpy as np

from drbn_lightning.types import Method, Pixels

LIMIT = 2 << 30


class Memory:
    """Results of methods as files in a folder, the oldest ones removed where they take too much room.

    A result is found again by the bytes of what the method was given, so it is the very same one, bit for bit.
    """

    def __init__(self, folder: Path, limit: int = LIMIT) -> None:
        """Use a folder of its own.

        Args:
            folder: where the files go; it must exist.
            limit: how many bytes they may take; a result larger than that is not kept.
        """
        self.folder, self.limit = folder, limit
        self._sizes = dict[Path, int]()

    def of(self, method: Method, name: str) -> Method:
        """The same method, run once only for one and the same input.

        Args:
            method: maps `(low, thumbnail)` to an image.
            name: tells it from the other methods that are remembered here.
        """

        def remembered(low: Pixels, thumbnail: Pixels) -> Pixels:
            path = self.folder / f"{_key(name, low, thumbnail)}.npy"
            if path in self._sizes:
                stored: Pixels = np.load(path)
                return stored
            result = method(low, thumbnail)
            self._keep(path, result)
            return result

        return remembered

    def _keep(self, path: Path, result: Pixels) -> None:
        size = result.nbytes
        if size > self.limit:
            return
        while sum(self._sizes.values()) + size > self.limit:
            oldest = next(iter(self._sizes))
            del self._sizes[oldest]
            oldest.unlink(missing_ok=True)
        try:
            np.save(path, result)
        except OSError:  # no room: then the network runs again
            path.unlink(missing_ok=True)
        else:
            self._sizes[path] = size


def _key(name: str, low: Pixels, thumbnail: Pixels) -> str:
    digest = hashlib.blake2b(f"{name} {low.shape}".encode(), digest_size=16)
    digest.update(np.ascontiguousarray(thumbnail).data)
    digest.update(np.ascontiguousarray(low.transpose(0, 2, 3, 1)).data)
    return digest.hexdigest()
