"""Long trainings and many photos take no more memory, files, threads and processes than near the beginning."""

import json
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from drbn_lightning.images.rgb import write_png
from tests.reliability.commands import members, run
from tests.reliability.counts import COUNTS
from tests.reliability.moments import FILES, observe
from tests.reliability.runs import words

pytestmark = [pytest.mark.reliability, pytest.mark.timeout(7200)]
GROWTH = 24
"""MiB that a process may grow after its first fifth: pools of the allocator, not a leak of each step."""


class Holdings(NamedTuple):
    """What a process holds: memory in MiB, open files, threads, and processes of its session."""

    memory: float
    files: int
    threads: int
    processes: int

    @classmethod
    def now(cls) -> "Holdings":
        """Those of this process."""
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        files, threads = (len([*Path(f"/proc/self/{name}").iterdir()]) for name in ("fd", "task"))
        return cls(pages * os.sysconf("SC_PAGESIZE") / 2**20, files, threads, len(members(os.getsid(0))))


class Watch(NamedTuple):
    """Writes down what a process holds, at each so many moments of a kind."""

    file: Path
    moment: str
    every: int

    def arm(self) -> None:
        """Watch from now on."""
        seen, count = list[Holdings](), 0

        def note(moment: str, _: Path | None) -> None:
            nonlocal count
            if moment != self.moment:
                return
            count += 1
            if count % self.every == 0:
                seen.append(Holdings.now())
                self.file.write_text(json.dumps({"count": count, "seen": seen}))

        observe(note)


def stays_flat(file: Path, count: int) -> bool:
    """Whether what a process held did not grow after the first fifth; says how it went."""
    watched = json.loads(file.read_text())
    assert watched["count"] == count
    seen = [Holdings(*holdings) for holdings in watched["seen"]]
    early, late = seen[: max(1, len(seen) // 5)], seen[max(1, len(seen) // 5) :]
    for name in ("files", "threads", "processes"):
        assert max(getattr(one, name) for one in late) <= max(getattr(one, name) for one in early), (name, seen)
    growth = late[-1].memory - early[-1].memory
    assert growth < GROWTH, seen
    print(f"{count}: {early[-1]} to {late[-1]}")  # noqa: T201  # for pytest -s and the table of docs/reliability.md
    return True


def test_a_long_training_stays_as_it_is(artifacts: Path, tmp_path: Path) -> None:
    steps = COUNTS.steps
    length = (f"data.length={steps // 10}", "data.batch_size=1", "trainer.max_epochs=10")
    command = words(artifacts, tmp_path, "band", *length, workers=1)
    ended = run(tmp_path, command, Watch(tmp_path / "held", "before a step", steps // 20), seconds=7000)
    assert ended.status == 0, ended.said
    assert stays_flat(tmp_path / "held", steps)


def test_many_photos_are_enhanced_with_what_a_few_take(artifacts: Path, tmp_path: Path) -> None:
    photos, rng = tmp_path / "photos", np.random.default_rng(0)
    photos.mkdir()
    for number in range(COUNTS.photos):
        side = int(rng.integers(16, 48))
        write_png(photos / f"{number:03}.png", rng.integers(0, 60, (side, 32, 3), dtype=np.uint8))
    words_of = [str(photos), "-o", str(tmp_path / "out"), "--quiet", f"--checkpoint={artifacts / 'band.pt'}"]
    watch = Watch(tmp_path / "held", FILES[2], COUNTS.photos // 20)
    ended = run(tmp_path, words_of, watch, entry="enhance", seconds=7000)
    assert ended.status == 0, ended.said
    assert len(list((tmp_path / "out").iterdir())) == COUNTS.photos
    assert stays_flat(tmp_path / "held", COUNTS.photos)
