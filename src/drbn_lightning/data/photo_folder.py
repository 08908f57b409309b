"""Any folder of photos without targets, one at a time, in bounded memory."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from drbn_lightning.data.fingerprints import Fingerprint, digest, signature
from drbn_lightning.data.paired.matching import image_key
from drbn_lightning.images.folders import list_images
from drbn_lightning.images.rgb import read_rgb
from drbn_lightning.thumbnails import thumbnail_of


class LoosePhoto(NamedTuple):
    """One photo: `low` is `(1, 3, H, W)` float32 in [0, 1], `thumbnail` that of it; `key` finds results by name."""

    name: str
    key: str
    low: Tensor
    thumbnail: Tensor


class LoosePhotos:
    """The photos of a folder, decoded as they are asked for."""

    def __init__(self, folder: Path) -> None:
        """List the folder.

        Raises:
            DRBNError: see `list_images`.
        """
        self.folder, self.files = folder, list_images(folder)

    def __len__(self) -> int:
        return len(self.files)

    def __iter__(self) -> Iterator[LoosePhoto]:
        for file in self.files:
            rgb = read_rgb(file)
            low, thumbnail = torch.from_numpy(rgb).permute(2, 0, 1).float() / 255, torch.from_numpy(thumbnail_of(rgb))
            yield LoosePhoto(file.name, image_key(file), low[None], thumbnail[None])

    def fingerprint(self) -> Fingerprint:
        """What the photos contain."""
        return Fingerprint.of_photos(self.folder.name, _Described(self.files), [], range(len(self.files)))


class _Described:
    """Names and digests of files, decoded one at a time."""

    def __init__(self, files: list[Path]) -> None:
        self.files = files

    def name(self, number: int) -> str:
        return self.files[number].name

    def digest(self, number: int) -> str:
        return digest(torch.from_numpy(read_rgb(self.files[number])).permute(2, 0, 1))

    def signature(self, number: int) -> str:
        return signature(torch.from_numpy(read_rgb(self.files[number])).permute(2, 0, 1))
