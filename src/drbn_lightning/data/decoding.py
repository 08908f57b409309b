"""Image files decoded for the cache, several at a time."""

import os
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from drbn_lightning.data import fingerprints
from drbn_lightning.images.rgb import read_rgb, resized


class Entry(NamedTuple):
    """One image of the cache: its file, shape as kept, offset in bytes, and what it contains.

    `digest` and `signature` are of the WHOLE image as decoded, before it was resized; `checksum` is the CRC-32 of the
    bytes that are kept.
    """

    path: str
    name: str
    shape: tuple[int, int, int]
    offset: int
    checksum: int
    digest: str
    signature: str


Decoded = tuple[NDArray[np.uint8], Entry]


def decoded(paths: Sequence[Path], short_side: int | None) -> Iterator[Future[Decoded]]:
    """Decode in threads (Pillow and SHA-256 release the GIL), in order, with few images in memory at a time."""
    workers = os.cpu_count() or 1
    waiting: deque[Future[Decoded]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for path in paths:
            waiting.append(pool.submit(decode, path, short_side))
            if len(waiting) > 2 * workers:
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()


def decode(path: Path, short_side: int | None) -> Decoded:
    """Decode one image to `(3, H, W)`, with this shorter side where one is given; its offset is not known yet."""
    rgb = read_rgb(path)
    image = torch.from_numpy(rgb).permute(2, 0, 1)
    digest, signature = fingerprints.digest(image), fingerprints.signature(image)
    resized_rgb = rgb if short_side is None else resized(rgb, short_side)
    values = np.ascontiguousarray(resized_rgb.transpose(2, 0, 1))
    shape = (3, values.shape[1], values.shape[2])
    return values, Entry(str(path.absolute()), path.name, shape, 0, zlib.crc32(values.data), digest, signature)
