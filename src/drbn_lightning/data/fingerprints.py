"""What a set of pairs or photos contains, in short: exact digests and thumbnails, to find an image in two sets.

Names cannot tell: LOL-v1's training set holds 86 of LOL-v2-real's 100 test pairs under other names.

How the rule of `overlap` was measured, in gray levels of root mean square between 8x8 RGB thumbnails (LOL-v1):

- The same normal-light image, re-encoded: at most 0.5 after JPEG of quality 85, 0.3 after halving the size, 0.9 after
  AVIF of quality 60, 0.8 after JPEG of quality 50 (the 86 pairs of our485 numbered 690 and above).
- Another image: at least 3.9 between eval15 and our485, 18 between our485's numbers below and from 690. Inside our485
  the nearest two different targets are 1.3 apart and 9 pairs are nearer than 2.5: one scene and nearly one exposure.
- Scale-free hashes cannot tell these apart. 14 of eval15's 15 scenes were also photographed, at another exposure, for
  our485: of 256 bits they differ in 0 to 10 (difference hash), copies in JPEG and AVIF in 0 to 5. Nor can gray levels
  alone: 0.4 at other exposures, 0.6 for copies. It takes the colours and levels that such hashes throw away.
- Low-light images: two exposures of a scene differ by 0.05 and up, copies by up to 0.9. So thumbnails of them prove
  nothing, and only their exact digest counts.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import PurePath
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from drbn_lightning.errors import DRBNError

THUMBNAIL_SIZE = 8
"""Height and width of the thumbnail in a signature, pixels."""

NEAR = 1.8
"""Signatures nearer than this are of the same image, gray levels of 255: between 0.9 (copies) and 3.9 (others)."""

_BYTES = 3 * THUMBNAIL_SIZE**2


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
        384 hex digits: 8 x 8 x 3 bytes, row by row. `distances` compares them.
    """
    whole = Image.fromarray(np.ascontiguousarray(image.permute(1, 2, 0).numpy()))
    return whole.resize((THUMBNAIL_SIZE, THUMBNAIL_SIZE), Image.Resampling.BILINEAR).tobytes().hex()


def distances(first: Sequence[str], second: Sequence[str]) -> NDArray[np.float64]:
    """Compare signatures: root mean square of the differences of the thumbnails.

    Returns:
        `(len(first), len(second))`, gray levels in 0 to 255.

    Example:
        >>> distances(["00" * 192], ["00" * 192, "03" * 192]).tolist()
        [[0.0, 3.0]]
    """
    left, right = _thumbnails(first), _thumbnails(second)
    squares = (left**2).sum(1)[:, None] + (right**2).sum(1) - 2 * left @ right.T  # exact: integers below 2 ** 53
    root: NDArray[np.float64] = np.sqrt(squares / left.shape[1])
    return root


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
    images, exact digests `low` and `normal`, and `signatures` of the normal-light images. A photo without a partner
    may be either half of a pair elsewhere: its digest stands in both lists. The signature of a dark one is "".
    """

    name: str
    count: int
    identity: str
    names: list[str] = field(default_factory=list)
    low: list[str] = field(default_factory=list)
    normal: list[str] = field(default_factory=list)
    signatures: list[str] = field(default_factory=list)

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
        return cls(name, len(names), identity, names, lows, normals, [images.signature(number) for number in normal])

    @classmethod
    def of_photos(cls, name: str, images: Described, photos: Sequence[int], dark: Sequence[int] = ()) -> Self:
        """Describe photos without partners.

        Args:
            name: what the set is called.
            images: the cache.
            photos: numbers of photos in good light or of unknown light.
            dark: numbers of low-light photos, which only their exact digest tells apart.
        """
        numbers = [*photos, *dark]
        digests = [images.digest(number) for number in numbers]
        identity = hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest()[:16]
        names = [PurePath(images.name(number)).stem for number in numbers]
        signatures = [images.signature(number) for number in photos] + [""] * len(dark)
        return cls(name, len(names), identity, names, digests, digests, signatures)

    def as_dict(self) -> dict[str, Any]:
        """Give plain lists, strings and numbers, fit for JSON and for `torch.load(weights_only=True)`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """Read what `as_dict` gave.

        Raises:
            DRBNError: a key is missing, or the lists do not belong together.
        """
        missing = [column.name for column in fields(cls) if column.name not in plain]
        if missing:
            raise DRBNError(f"The fingerprint of a data set lacks {', '.join(missing)}; publish its checkpoint again.")
        found = cls(**{column.name: plain[column.name] for column in fields(cls)})
        if not found._whole():
            raise DRBNError(f"The fingerprint of the data set {found.name} is damaged; publish its checkpoint again.")
        return found

    def _whole(self) -> bool:
        """Say whether there is one of everything for every pair, or nothing."""
        pairs = len(self.names)
        lengths = {len(self.normal), len(self.signatures), len(self.low) or pairs}
        sizes = {len(text) for text in self.signatures}
        return pairs in (0, self.count) and lengths == {pairs} and sizes <= {0, 2 * _BYTES}


def overlap(train: Fingerprint, test: Fingerprint) -> list[str]:
    """Name the test pairs or photos that the training set holds too, by content: names and encodings do not matter.

    A pair overlaps if either image occurs exactly, or its normal-light image nearly (`NEAR`; see the module for
    the measurements). Cropped, turned and retouched copies are not found, nor are other exposures of the scene.

    Returns:
        Names of `test`, in its order.
    """
    near = _near(test.signatures, train.signatures)
    low, normal = set(train.low), set(train.normal)
    lows = [one in low for one in test.low] or [False] * len(test.names)
    normals = [one in normal for one in test.normal]
    return [name for name, *same in zip(test.names, lows, normals, near, strict=True) if any(same)]


def _near(signatures: Sequence[str], others: Sequence[str]) -> list[bool]:
    """Say of each signature whether it is near one of the others; an empty one is near nothing."""
    found = np.zeros(len(signatures), np.bool_)
    shown = [number for number, text in enumerate(signatures) if text]
    between = distances([signatures[number] for number in shown], [text for text in others if text])
    found[shown] = np.any(between < NEAR, axis=1)
    near: list[bool] = found.tolist()
    return near


def _thumbnails(signatures: Sequence[str]) -> NDArray[np.float64]:
    """Decode to `(N, 192)`; N may be 0."""
    values = np.frombuffer(bytes.fromhex("".join(signatures)), dtype=np.uint8)
    return values.reshape(len(signatures), _BYTES).astype(np.float64)
