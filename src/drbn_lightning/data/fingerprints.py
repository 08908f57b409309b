"""What a set of pairs or photos contains, in short: exact digests and thumbnails, to find an image in two sets.

Names cannot tell: LOL-v1's training set holds 86 of LOL-v2-real's 100 test pairs under other names.

`likeness` says which thumbnails are of one image, and how that was measured.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import PurePath
from typing import Any, Protocol, Self

import numpy as np
from PIL import Image
from torch import Tensor

from drbn_lightning.data.likeness import BYTES, THUMBNAIL_SIZE, alike
from drbn_lightning.errors import DRBNError


def digest(image: Tensor) -> str:
    """Hash an image exactly: SHA-256, 64 hex digits, of its size and values.

    Args:
        image: `(3, H, W)` uint8.
    """
    values = np.ascontiguousarray(image.numpy())
    return hashlib.sha256(str(values.shape).encode() + b"\n" + values.tobytes()).hexdigest()


def signature(image: Tensor) -> str:
    """Shrink an image to an 8x8 RGB thumbnail, which another encoding and another size leave nearly as it is.

    Args:
        image: `(3, H, W)` uint8, any size.

    Returns:
        384 hex digits: 8 x 8 x 3 bytes, row by row. `likeness` compares them.
    """
    pillow = Image.fromarray(np.ascontiguousarray(image.permute(1, 2, 0).numpy()))
    return pillow.resize((THUMBNAIL_SIZE, THUMBNAIL_SIZE), Image.Resampling.BILINEAR).tobytes().hex()


class Described(Protocol):
    """A sequence of images that knows what each one contains, as `ImageCache` does."""

    def name(self, number: int, /) -> str:
        """Name of the file."""

    def digest(self, number: int, /) -> str:
        """Result of `fingerprints.digest`."""

    def signature(self, number: int, /) -> str:
        """Result of `fingerprints.signature`."""


@dataclass(frozen=True)
class Fingerprint:
    """What a set of pairs or photos contains, or only its name and identity where its images exist nowhere else.

    `name` says which set it is, `count` how many pairs it has, `identity` is short and names the content: the same for
    any order, any file names and any lossless encoding. The lists have one entry per pair or are empty: `names` of the
    images, exact digests `low` and `normal`, `signatures` of the normal-light images and `dark` ones of the low-light
    images. A photo without a partner may be either half of a pair elsewhere: its digest stands in both lists, its
    signature in one of them, beside "" in the other. What was written before has no `dark` signatures.
    """

    name: str
    count: int
    identity: str
    names: list[str] = field(default_factory=list)
    low: list[str] = field(default_factory=list)
    normal: list[str] = field(default_factory=list)
    signatures: list[str] = field(default_factory=list)
    dark: list[str] = field(default_factory=list)

    @classmethod
    def of_pairs(cls, name: str, images: Described, low: Sequence[int], normal: Sequence[int]) -> Self:
        """Describe pairs of a cache.

        Args:
            name: what the set is called.
            images: the cache.
            low: numbers of the low-light images in the cache, one per pair; none where they are made on the fly.
            normal: numbers of the normal-light images.

        Raises:
            ValueError: `low` has images, but not one per pair.
        """
        lows, normals = [images.digest(number) for number in low], [images.digest(number) for number in normal]
        pairs = sorted(f"{a} {b}" for a, b in zip(lows or [""] * len(normals), normals, strict=True))
        identity = hashlib.sha256("\n".join(pairs).encode()).hexdigest()[:16]
        names = [PurePath(images.name(number)).stem for number in normal]
        signatures, dark = ([images.signature(number) for number in numbers] for numbers in (normal, low))
        return cls(name, len(names), identity, names, lows, normals, signatures, dark)

    @classmethod
    def of_photos(cls, name: str, images: Described, photos: Sequence[int], dark: Sequence[int] = ()) -> Self:
        """Describe photos without partners.

        Args:
            name: what the set is called.
            images: the cache.
            photos: numbers of photos in good light or of unknown light.
            dark: numbers of low-light photos.
        """
        numbers = [*photos, *dark]
        digests = [images.digest(number) for number in numbers]
        identity = hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest()[:16]
        names = [PurePath(images.name(number)).stem for number in numbers]
        signatures = [images.signature(number) for number in photos] + [""] * len(dark)
        shadows = [""] * len(photos) + [images.signature(number) for number in dark]
        return cls(name, len(names), identity, names, digests, digests, signatures, shadows)

    def either(self) -> list[str]:
        """Signatures of low-light images, and of photos of any light, which may be low-light images elsewhere."""
        if not self.of_single_photos:
            return self.dark or [""] * len(self.names)
        return [normal or dark for normal, dark in zip(self.signatures, self.dark or self.signatures, strict=True)]

    @property
    def of_single_photos(self) -> bool:
        """Whether it describes photos without partners."""
        return bool(self.names) and self.low == self.normal

    def as_dict(self) -> dict[str, Any]:
        """Give plain lists, strings and numbers, fit for JSON and for `torch.load(weights_only=True)`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """Read what `as_dict` gave.

        Raises:
            DRBNError: a key is missing, or the lists do not belong together.
        """
        plain = {"dark": [], **plain}
        missing = [column.name for column in fields(cls) if column.name not in plain]
        if missing:
            raise DRBNError(f"The fingerprint of a data set lacks {', '.join(missing)}; publish its checkpoint again.")
        fingerprint = cls(**{column.name: plain[column.name] for column in fields(cls)})
        if not fingerprint._is_complete():
            raise DRBNError(
                f"The fingerprint of the data set {fingerprint.name} is damaged; publish its checkpoint again."
            )
        return fingerprint

    def _is_complete(self) -> bool:
        """Say whether there is one of everything for every pair, or nothing."""
        pairs = len(self.names)
        lengths = {len(self.normal), len(self.signatures), len(self.low) or pairs, len(self.dark) or pairs}
        sizes = {len(text) for text in self.signatures + self.dark}
        return pairs in (0, self.count) and lengths == {pairs} and sizes <= {0, 2 * BYTES}


def overlap(train: Fingerprint, test: Fingerprint) -> list[str]:
    """Name the test pairs or photos that the training set holds too, by content: names and encodings do not matter.

    A pair overlaps if either image occurs exactly, or its normal-light image nearly (`alike`; see `likeness` for
    the measurements). Cropped, turned and retouched copies are not found, nor are other exposures of the scene.

    Returns:
        Names of `test`, in its order.
    """
    near = [row.any() for row in alike(test.signatures, train.signatures)]
    low, normal = set(train.low), set(train.normal)
    lows = [digest in low for digest in test.low] or [False] * len(test.names)
    normals = [digest in normal for digest in test.normal]
    return [name for name, *same in zip(test.names, lows, normals, near, strict=True) if any(same)]


def resemblance(train: Fingerprint, test: Fingerprint) -> list[str]:
    """Name the low-light images of a test set that photos of the training set look like.

    Such a photo may be a copy in another encoding, or the same scene at nearly the same exposure: low-light images
    cannot tell. So pairs are compared with photos, but never with pairs, whose targets tell them apart.

    Returns:
        Names of `test`, in its order; or of its photos, where `train` has the pairs.
    """
    if not (train.of_single_photos or test.of_single_photos):
        return []
    near = [row.any() for row in alike(test.either(), train.either())]
    return [name for name, is_alike in zip(test.names, near, strict=True) if is_alike]
