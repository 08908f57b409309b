"""Enhancing many files: a bad one never stops the rest."""

import errno
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import NamedTuple, Protocol, Self

import cv2
import numpy as np

from drbn_lightning.errors import DRBNError
from drbn_lightning.files import UnwritableError
from drbn_lightning.images.opening import pixels_of
from drbn_lightning.images.photo import Photograph, read_photograph, write_photograph
from drbn_lightning.inference.choosing import USUAL_JOB
from drbn_lightning.inference.jobs import Job
from drbn_lightning.inference.left_out import Failure
from drbn_lightning.types import Pixels, Progress

IN_THE_WAY = (errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG)
"""Errors of writing that are about one name; after all others the next file would fail, too."""

LONGEST_COMPARISON = 16383
"""Pixels of the longer side of a comparison: what WebP can hold, and more than a person can look at."""

LOOKED_AT = 100
"""How many files are looked at for the length of a job."""

MOST_AHEAD = 64_000_000
"""Pixels up to which a photo is read while the one before is still being enhanced."""


class Done(NamedTuple):
    """A job whose result is written, and whether that differs from the photo: well-exposed ones are left alone."""

    job: Job
    changed: bool


class ArrayEnhancer(Protocol):
    """What `enhancer.Enhancer` offers."""

    def enhance_array(self, rgb: Pixels, progress: Progress | None = None, *, alpha: Pixels | None = None) -> Pixels:
        """From `(H, W, 3)` uint8 or uint16 to the same.

        `progress` is told how many pixels of how many are done; `alpha` `(H, W)` says what is visible.
        """


def enhance_files(
    jobs: Iterable[Job],
    enhancer: ArrayEnhancer,
    *,
    quality: int = 95,
    progress: Callable[[Job, int, int], None] | None = None,
    written: Callable[[Done], None] = lambda done: None,
) -> Generator[Failure | None, None, None]:
    """Enhance one file after the other; meanwhile the next one is read, and the one before is written.

    Args:
        jobs: the files.
        enhancer: works on their colours.
        quality: of JPEG, WebP and AVIF.
        progress: told how many pixels of how many are done, and of which file.
        written: told of each result that is there, also of the last one where Ctrl-C ends it.

    Yields:
        After each file, in their order, None, or why it failed.

    Raises:
        UnwritableError: no further file can be written: the disk is full, for example.
    """
    with _thread("reading") as reader, _thread("writing") as writer, _Writing(writer, quality, written) as writing:
        for job, reading in _read_ahead(jobs, reader):

            def tell(done: int, total: int, job: Job = job) -> None:
                if progress is not None:
                    progress(job, done, total)

            try:
                photos = _enhanced(job, reading.result(), enhancer, tell)
            except Exception as error:  # whatever happens to one photo, the others have their turn
                yield from writing.finish()
                yield Failure(str(job.source), cause_of(error, job))
            else:
                yield from writing.finish()
                writing.begin(job, photos)
            reading = photos = None  # type: ignore[assignment] # their pixels are not needed any more
        yield from writing.finish()


def pixels_in_all(jobs: Sequence[Job]) -> int:
    """How many pixels files have together, by the heads of the first ones; those without one count as the others do."""
    known = [pixels for job in jobs[:LOOKED_AT] if (pixels := pixels_of(job.source))]
    return len(jobs) * (sum(known) // len(known) if known else USUAL_JOB)


def enhance_file(job: Job, enhancer: ArrayEnhancer, *, quality: int = 95, progress: Progress | None = None) -> None:
    """Enhance one file. Whoever may not read the photo may not read the result either.

    Raises:
        DRBNError: it cannot be read, enhanced or written.
    """
    _write(job, _enhanced(job, read_photograph(job.source), enhancer, progress), quality)


class _Writing:
    """At most one file that is written in a thread, and what became of it."""

    def __init__(self, pool: ThreadPoolExecutor, quality: int, written: Callable[[Done], None]) -> None:
        self._pool, self._quality, self._written = pool, quality, written
        self._current: tuple[Done, Future[None]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """After Ctrl-C: what is enhanced already is written."""
        with suppress(Exception):
            for _failure in self.finish():
                pass

    def begin(self, job: Job, photos: "Photos") -> None:
        """Write a file, once `finish` has been called for the one before."""
        self._current = Done(job, photos.changed), self._pool.submit(_write, job, photos, self._quality)

    def finish(self) -> Iterator[Failure | None]:
        """Wait for the file that is being written, if any: None, or why it failed."""
        if self._current is None:
            return
        (done, writing), self._current = self._current, None
        try:
            writing.result()
        except Exception as error:
            cause = error.__cause__
            if isinstance(error, UnwritableError) and getattr(cause, "errno", None) not in IN_THE_WAY:
                raise
            yield Failure(str(done.job.source), cause_of(error, done.job))
        else:
            self._written(done)
            yield None


class Photos(NamedTuple):
    """A photo enhanced, as it was before where both are needed, and whether there is a difference."""

    after: Photograph
    before: Photograph | None
    changed: bool


def _read_ahead(jobs: Iterable[Job], reader: ThreadPoolExecutor) -> Iterator[tuple[Job, "Future[Photograph]"]]:
    """Each file with its pixels to come; the next one is read already, unless it is very large."""
    waiting: tuple[Job, Future[Photograph]] | None = None
    for job in jobs:
        if waiting is not None and (pixels_of(job.source) or 0) > MOST_AHEAD:
            yield waiting
            waiting = None
        reading = reader.submit(read_photograph, job.source)
        if waiting is not None:
            yield waiting
        waiting = job, reading
    if waiting is not None:
        yield waiting


def _enhanced(job: Job, before: Photograph, enhancer: ArrayEnhancer, progress: Progress | None) -> Photos:
    after = before._replace(pixels=enhancer.enhance_array(before.pixels, progress, alpha=before.alpha))
    changed = not np.array_equal(after.pixels, before.pixels)
    return Photos(after, None if job.compare is None else before, changed)


def _write(job: Job, photos: Photos, quality: int) -> None:
    """Write a photo, and both side by side where that is asked for."""
    mode = job.source.stat().st_mode
    write_photograph(job.target, photos.after, quality=quality, mode=mode)
    if job.compare is not None and photos.before is not None:
        write_photograph(job.compare, side_by_side(photos.before, photos.after), quality=quality, mode=mode)


@contextmanager
def _thread(name: str) -> Iterator[ThreadPoolExecutor]:
    """A thread for what is handed to it; at the end what has not begun is dropped."""
    pool = ThreadPoolExecutor(1, f"drbn-{name}")
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


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
