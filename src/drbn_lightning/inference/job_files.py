"""Enhancing many files: a bad one never stops the rest."""

import errno
from collections.abc import Iterable, Iterator
from typing import Protocol

import cv2
import numpy as np

from drbn_lightning.errors import DRBNError
from drbn_lightning.files import UnwritableError
from drbn_lightning.images.photo import Photograph, read_photograph, write_photograph
from drbn_lightning.inference.jobs import Job
from drbn_lightning.inference.left_out import Failure
from drbn_lightning.types import Pixels, Progress

IN_THE_WAY = (errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG)
"""Errors of writing that are about one name; after all others the next file would fail, too."""

LONGEST_COMPARISON = 16383
"""Pixels of the longer side of a comparison: what WebP can hold, and more than a person can look at."""


class ArrayEnhancer(Protocol):
    """What `enhancer.Enhancer` offers."""

    def enhance_array(self, rgb: Pixels, progress: Progress | None = None, *, alpha: Pixels | None = None) -> Pixels:
        """From `(H, W, 3)` uint8 or uint16 to the same.

        `progress` is told how many pixels of how many are done; `alpha` `(H, W)` says what is visible.
        """


def enhance_files(
    jobs: Iterable[Job], enhancer: ArrayEnhancer, *, quality: int = 95, progress: Progress | None = None
) -> Iterator[Failure | None]:
    """Enhance one file after the other.

    Yields:
        After each file None, or why it failed.

    Raises:
        UnwritableError: no further file can be written: the disk is full, for example.
    """
    for job in jobs:
        try:
            enhance_file(job, enhancer, quality=quality, progress=progress)
        except Exception as error:  # whatever happens to one photo, the others have their turn
            cause = error.__cause__
            if isinstance(error, UnwritableError) and getattr(cause, "errno", None) not in IN_THE_WAY:
                raise
            yield Failure(str(job.source), cause_of(error, job))
        else:
            yield None


def enhance_file(job: Job, enhancer: ArrayEnhancer, *, quality: int = 95, progress: Progress | None = None) -> None:
    """Enhance one file. Whoever may not read the photo may not read the result either.

    Raises:
        DRBNError: it cannot be read, enhanced or written.
    """
    before = read_photograph(job.source)
    after = before._replace(pixels=enhancer.enhance_array(before.pixels, progress, alpha=before.alpha))
    if job.compare is None:
        before = after  # the old pixels are not needed any more
    mode = job.source.stat().st_mode
    write_photograph(job.target, after, quality=quality, mode=mode)
    if job.compare is not None:
        write_photograph(job.compare, side_by_side(before, after), quality=quality, mode=mode)


def side_by_side(before: Photograph, after: Photograph) -> Photograph:
    """Both photos in one image, a thin white line between them; made smaller where it would be very large."""
    height, width = before.pixels.shape[:2]
    line = max(1, width // 200)
    scale = min(1.0, LONGEST_COMPARISON / max(height, 2 * width + line))

    def joined(left: Pixels, right: Pixels) -> Pixels:
        white = np.full((height, line, *left.shape[2:]), np.iinfo(left.dtype).max, left.dtype)
        both = np.concatenate([left, white, right], axis=1)
        size = max(1, int(both.shape[1] * scale)), max(1, int(height * scale))
        return both if scale == 1 else cv2.resize(both, size, interpolation=cv2.INTER_AREA)

    alpha = None if before.alpha is None else joined(before.alpha, before.alpha)
    both, told = joined(before.pixels, after.pixels), after.metadata.of_colours()
    return after._replace(pixels=both, alpha=alpha, exif=None, metadata=told)


def cause_of(error: Exception, job: Job) -> str:
    """Why a photo failed, in a sentence that names it."""
    lines = str(error).splitlines() or [""]
    if isinstance(error, DRBNError):
        cause = str(error)
    elif isinstance(error, MemoryError) or "memory" in lines[0].lower():  # torch: "not enough memory", "out of memory"
        cause = "memory does not suffice; use smaller tiles (--tile), or close other programs"
    else:
        cause = f"an unexpected error ({type(error).__name__}: {lines[0]})"
    return cause if str(job.source) in cause else f"{job.source}: {cause}"
