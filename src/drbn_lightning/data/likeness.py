"""Whether two signatures, 8x8 RGB thumbnails, are of the same image.

How the rule of `overlap` was measured, in gray levels of root mean square between 8x8 RGB thumbnails (LOL-v1):

- The same normal-light image, re-encoded: at most 0.5 after JPEG of quality 85, 0.3 after halving the size, 0.9 after
  AVIF of quality 60, 0.8 after JPEG of quality 50 (the 86 pairs of our485 numbered 690 and above).
- Another image: at least 3.9 between eval15 and our485, 18 between our485's numbers below and from 690. Inside our485
  the nearest two different targets are 1.3 apart and 9 pairs are nearer than 2.5: one scene and nearly one exposure.
- Scale-free hashes cannot tell these apart. 14 of eval15's 15 scenes were also photographed, at another exposure, for
  our485: of 256 bits they differ in 0 to 10 (difference hash), copies in JPEG and AVIF in 0 to 5. Nor can gray levels
  alone: 0.4 at other exposures, 0.6 for copies. It takes the colours and levels that such hashes throw away.
- Low-light images: two exposures of a scene differ by 0.05 and up, copies by up to 0.9. So thumbnails of them do not
  prove that two images are one; `resemblance` says that they may be, `overlap` goes by their exact digest.

How alike two images are is measured by their own contrast, the deviation of a thumbnail from its mean colour: dark
thumbnails are all near each other. In shares of it, over LOL-v1, 40 pairs of another camera, DICM and BSDS: different
scenes are at least 0.41 apart (0.64 low-light ones), copies in JPEG of quality 50 and 85, WebP and AVIF at most 0.06 in
good light; in low light 0.17 from a contrast of 3 levels on, more below, where quantization leaves little to compare.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

THUMBNAIL_SIZE = 8
"""Height and width of the thumbnail in a signature, pixels."""

NEAR = 1.8
"""Signatures nearer than this are of the same image, gray levels of 255: between 0.9 (copies) and 3.9 (others)."""

NEAR_SHARE = 1 / 3
"""And nearer than this share of the lower contrast of both, which counts in dark images."""

LOWEST_CONTRAST = 1.0
"""Signatures of a lower contrast, gray levels, tell nothing: only the exact digest does."""

BYTES = 3 * THUMBNAIL_SIZE**2
"""Length of a signature, two hex digits each."""


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


def alike(first: Sequence[str], second: Sequence[str]) -> NDArray[np.bool_]:
    """Say which signatures are of the same image in another encoding or size; see the module for the measurements.

    Returns:
        `(len(first), len(second))`; an empty signature is like nothing, nor is one of hardly any contrast.

    Example:
        >>> gray, night, other = "80" * 192, "00" * 96 + "08" * 96, "08" * 96 + "00" * 96
        >>> alike([night], [gray, night, other]).tolist(), alike([gray], [gray]).tolist()
        ([[False, True, False]], [[False]])
    """
    near = np.zeros((len(first), len(second)), np.bool_)
    rows, columns = ([number for number, text in enumerate(texts) if text] for texts in (first, second))
    left, right = [first[number] for number in rows], [second[number] for number in columns]
    contrast = np.minimum(_contrasts(left)[:, None], _contrasts(right))
    limit = np.where(contrast < LOWEST_CONTRAST, 0, np.minimum(NEAR, NEAR_SHARE * contrast))
    near[np.ix_(rows, columns)] = distances(left, right) < limit
    return near


def _contrasts(signatures: Sequence[str]) -> NDArray[np.float64]:
    """Root mean square of the differences of each thumbnail from its mean colour, gray levels, `(N,)`."""
    pixels = _thumbnails(signatures).reshape(-1, THUMBNAIL_SIZE**2, 3)
    contrasts: NDArray[np.float64] = np.sqrt(((pixels - pixels.mean(axis=1, keepdims=True)) ** 2).mean(axis=(1, 2)))
    return contrasts


def _thumbnails(signatures: Sequence[str]) -> NDArray[np.float64]:
    """Decode to `(N, 192)`; N may be 0."""
    values = np.frombuffer(bytes.fromhex("".join(signatures)), dtype=np.uint8)
    return values.reshape(len(signatures), BYTES).astype(np.float64)
