"""Remembering what a method found, so that an image can be blended anew without running the network again."""

import hashlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from drbn_lightning.types import Method

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

        def remembered(low: Tensor, thumbnail: Tensor) -> Tensor:
            path = self.folder / f"{_key(name, low, thumbnail)}.npy"
            if path in self._sizes:
                return torch.from_numpy(np.load(path))
            result = method(low, thumbnail)
            self._keep(path, result)
            return result

        return remembered

    def _keep(self, path: Path, result: Tensor) -> None:
        size = result.numel() * result.element_size()
        if size > self.limit:
            return
        while sum(self._sizes.values()) + size > self.limit:
            oldest = next(iter(self._sizes))
            del self._sizes[oldest]
            oldest.unlink(missing_ok=True)
        try:
            np.save(path, result.numpy())
        except OSError:  # no room: then the network runs again
            path.unlink(missing_ok=True)
        else:
            self._sizes[path] = size


def _key(name: str, low: Tensor, thumbnail: Tensor) -> str:
    digest = hashlib.blake2b(f"{name} {tuple(low.shape)}".encode(), digest_size=16)
    digest.update(np.ascontiguousarray(thumbnail.numpy()).data)
    digest.update(np.ascontiguousarray(low.permute(0, 2, 3, 1).numpy()).data)
    return digest.hexdigest()
