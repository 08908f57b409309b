import gc
import threading
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from drbn_lightning.errors import DRBNError
from drbn_lightning.images.photo import Photograph, read_photograph, write_photograph
from drbn_lightning.inference import job_files
from drbn_lightning.inference.choosing import USUAL_JOB
from drbn_lightning.inference.job_files import (
    Done,
    cause_of,
    enhance_file,
    enhance_files,
    pixels_in_all,
    side_by_side,
)
from drbn_lightning.inference.jobs import Job
from drbn_lightning.types import Progress

Pixels = NDArray[Any]


class Doubled:
    """Doubles the pixels, and remembers the ones given without keeping them."""

    pixels: weakref.ref[Pixels]
    alpha: Pixels | None = None

    def enhance_array(self, rgb: Pixels, progress: Progress | None = None, *, alpha: Pixels | None = None) -> Pixels:
        self.pixels, self.alpha = weakref.ref(rgb), alpha
        if progress is not None:
            progress(1, 1)
        doubled: Pixels = rgb * rgb.dtype.type(2)
        return doubled


def job(folder: Path, name: str = "a.png", *, compare: bool = False) -> Job:
    Image.new("RGB", (6, 4), (50, 60, 70)).save(folder / name)
    return Job(folder / name, folder / "out" / name, folder / "out" / f"both_{name}" if compare else None)


def test_a_bad_file_does_not_stop_the_rest(tmp_path: Path) -> None:
    jobs = [job(tmp_path), Job(tmp_path / "gone.png", tmp_path / "out" / "gone.png"), job(tmp_path, "b.png")]
    told, written = list[tuple[Job, int, int]](), list[Done]()
    first, failure, last = enhance_files(
        jobs, Doubled(), progress=lambda *progress: told.append(progress), written=written.append
    )
    assert first is last is None
    assert failure is not None
    assert failure.source == str(tmp_path / "gone.png")
    assert "gone.png cannot be opened" in failure.cause
    assert told == [(jobs[0], 1, 1), (jobs[2], 1, 1)]
    assert written == [Done(jobs[0], changed=True), Done(jobs[2], changed=True)]
    assert read_photograph(jobs[2].target).pixels[0, 0].tolist() == [100, 120, 140]


def test_the_next_photo_is_read_and_the_last_one_written_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [job(tmp_path, f"{name}.png") for name in "abcd"]
    events, lock = list[str](), threading.Lock()
    reads = {one.source: threading.Event() for one in jobs}
    begun, enhanced = threading.Event(), threading.Event()

    def note(event: str) -> None:
        with lock:
            events.append(event)

    def read(path: Path) -> Photograph:
        note(f"read {path.stem}")
        reads[path].set()
        return read_photograph(path)

    def write(path: Path, photograph: Photograph, *, quality: int, mode: int) -> None:
        begun.set()
        if path.stem == "a":
            assert enhanced.wait(60)  # b is enhanced while a is being written
        note(f"written {path.stem}")
        write_photograph(path, photograph, quality=quality, mode=mode)

    class Waiting(Doubled):
        count = 0

        def enhance_array(
            self, rgb: Pixels, progress: Progress | None = None, *, alpha: Pixels | None = None
        ) -> Pixels:
            self.count += 1
            if self.count < len(jobs):
                assert reads[jobs[self.count].source].wait(60)  # the next one is read meanwhile
            if self.count == 2:
                assert begun.wait(60)
                enhanced.set()
            return super().enhance_array(rgb, progress, alpha=alpha)

    monkeypatch.setattr(job_files, "read_photograph", read)
    monkeypatch.setattr(job_files, "write_photograph", write)
    assert list(enhance_files(jobs, Waiting())) == [None] * 4
    assert [event for event in events if event.startswith("written")] == [f"written {name}" for name in "abcd"]
    assert events.index("read d") > events.index("written a")  # no more than one ahead


def test_a_very_large_photo_is_not_read_before_the_one_ahead_is_enhanced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_files, "MOST_AHEAD", 0)
    jobs, enhancer, before = [job(tmp_path, "a.png"), job(tmp_path, "b.png")], Doubled(), list[bool]()

    def read(path: Path) -> Photograph:
        before.append(hasattr(enhancer, "pixels"))
        return read_photograph(path)

    monkeypatch.setattr(job_files, "read_photograph", read)
    assert list(enhance_files(jobs, enhancer)) == [None, None]
    assert before == [False, True]


def test_what_is_enhanced_is_written_after_ctrl_c(tmp_path: Path) -> None:
    jobs, written = [job(tmp_path, f"{name}.png") for name in "abc"], list[Done]()

    class Interrupted(Doubled):
        def enhance_array(
            self, rgb: Pixels, progress: Progress | None = None, *, alpha: Pixels | None = None
        ) -> Pixels:
            if hasattr(self, "pixels"):
                raise KeyboardInterrupt
            return super().enhance_array(rgb, progress, alpha=alpha)

    with pytest.raises(KeyboardInterrupt):
        list(enhance_files(jobs, Interrupted(), written=written.append))
    assert written == [Done(jobs[0], changed=True)]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.png"]


def test_the_pixels_of_a_job_are_those_of_its_photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = [job(tmp_path, "a.png"), job(tmp_path, "b.png")]
    assert pixels_in_all(jobs) == 2 * 6 * 4
    (tmp_path / "c.jpg").write_text("no photo")
    other = Job(tmp_path / "c.jpg", tmp_path / "d.jpg")
    assert pixels_in_all([*jobs, other]) == 3 * 6 * 4
    assert pixels_in_all([other]) == USUAL_JOB
    monkeypatch.setattr(job_files, "LOOKED_AT", 1)
    assert pixels_in_all(jobs) == 2 * 6 * 4


@pytest.mark.parametrize("compare", [False, True])
def test_the_old_pixels_are_kept_for_a_comparison_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compare: bool
) -> None:
    enhancer, alive = Doubled(), list[bool]()

    def watched(path: Path, photograph: Photograph, *, quality: int, mode: int) -> None:
        gc.collect()
        alive.append(enhancer.pixels() is not None)
        write_photograph(path, photograph, quality=quality, mode=mode)

    monkeypatch.setattr(job_files, "write_photograph", watched)
    enhance_file(job(tmp_path, compare=compare), enhancer)
    assert alive == ([True, True] if compare else [False])


def test_causes_name_the_photo_once() -> None:
    failed = Job(Path("x/e.png"), Path("o"))
    assert cause_of(DRBNError("x/e.png is bad"), failed) == "x/e.png is bad"
    assert cause_of(DRBNError("bad"), failed) == "x/e.png: bad"
    assert cause_of(ValueError(), failed) == "x/e.png: an unexpected error (ValueError: )"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_very_large_comparisons_become_smaller(monkeypatch: pytest.MonkeyPatch, dtype: type) -> None:
    monkeypatch.setattr(job_files, "LONGEST_COMPARISON", 100)
    pixels: NDArray[Any] = np.full((40, 200, 3), 70, dtype)
    before = Photograph(pixels, alpha=pixels[..., 0], exif=b"old", icc_profile=b"profile")
    both = side_by_side(before, before._replace(pixels=pixels * 2))
    assert both.pixels.shape == (9, 100, 3)
    assert both.pixels.dtype == dtype
    assert both.pixels[4, [10, 90], 0].tolist() == [70, 140]
    assert both.alpha is not None
    assert both.alpha.shape == (9, 100)
    assert (both.exif, both.icc_profile) == (None, b"profile")


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.tif", "deep.png", "deep.tif", "gray.png"])
def test_what_is_visible_in_a_file_is_told(tmp_path: Path, name: str) -> None:
    dtype = np.uint16 if name.startswith("deep") else np.uint8
    pixels: NDArray[Any] = np.full((4, 5, 3), 7, dtype)
    alpha: NDArray[Any] = np.full((4, 5), np.iinfo(dtype).max, dtype)
    alpha[1] = 0
    write_photograph(tmp_path / name, Photograph(pixels, alpha, gray=name.startswith("gray")), quality=100)
    enhancer = Doubled()
    enhance_file(Job(tmp_path / name, tmp_path / "out" / name), enhancer)
    assert np.array_equal(enhancer.alpha, alpha)  # type: ignore[arg-type]  # None would fail, too
    assert np.array_equal(read_photograph(tmp_path / "out" / name).alpha, alpha)  # type: ignore[arg-type]
