"""Changed image files: each one is read as its reference decoder reads it, or refused in one sentence that names it."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from drbn_lightning.errors import DRBNError
from drbn_lightning.images import pillow
from drbn_lightning.images.exif import upright
from drbn_lightning.images.formats import HEAD_LENGTH, format_of
from drbn_lightning.images.photo import read_photograph
from drbn_lightning.images.rgb import read_rgb
from drbn_lightning.types import Pixels
from tests.reliability.forked import Forked
from tests.reliability.fuzzing import INPUTS, TIMEOUT, settings_of, told
from tests.reliability.mutations import changed, drawn
from tests.reliability.seeds import Seed, seeds

pytestmark = [pytest.mark.reliability, pytest.mark.timeout(TIMEOUT)]

BATCH, DEADLINE = 50, 20.0
"""Files that a child looks at at a time, and seconds for these: they take a quarter of one."""
MEMORY = 3 << 30
PIXELS = 1 << 20
"""Pillow's limit for these files; the tests of bombs have the usual one."""

STRICT: dict[str, Callable[[bytes], Pixels]] = {
    ".png": imagecodecs.png_decode,
    ".jpg": imagecodecs.jpeg8_decode,
    ".webp": imagecodecs.webp_decode,
    ".avif": imagecodecs.avif_decode,
    ".bmp": imagecodecs.bmp_decode,
}
"""Decoders of another package, built from the formats' own libraries."""


def looked_at(path: Path, suffix: str, content: bytes) -> tuple[Any, ...]:
    """Read a file in both ways; what was wrong, or how it ended."""
    Image.MAX_IMAGE_PIXELS = PIXELS
    file = path.with_suffix(suffix)
    file.write_bytes(content)
    ways = dict[str, Pixels | str]()
    for name, read in (("training", read_rgb), ("photo", lambda file: pillow.narrowed(read_photograph(file).pixels))):
        try:
            ways[name] = read(file)
        except DRBNError as error:
            message = ways[name] = str(error)
            if str(file) not in message or len(message) > 600 or not message.replace("\n", "").isprintable():
                return "unclear", message
    training, photo = ways["training"], ways["photo"]
    if isinstance(training, str):
        return ("refused", training) if isinstance(photo, str) else ("only as a photo", training)
    known = strict(content)
    known = None if known is not None and _of_inks(file) else known
    if known is not None and not agree(training, known):
        return "differs", format_of(content[:HEAD_LENGTH]), training.shape, known.shape
    return ("read", "compared" if known is not None else "")


def _of_inks(file: Path) -> bool:
    """Whether a file holds colours of print, for whose colours on a screen there is no reference."""
    with Image.open(file) as image:
        return image.mode == "CMYK"


def strict(content: bytes) -> Pixels | None:
    """What the reference decoder makes of a file; None where it has none or refuses it."""
    decode = STRICT.get(format_of(content[:HEAD_LENGTH]) or "")
    try:
        return None if decode is None else decode(content)
    except Exception:  # whatever it refuses is not compared
        return None


def agree(ours: Pixels, known: Pixels) -> bool:
    """Whether an image is another one, in 8 bits, without alpha, turned as EXIF may say, up to 3 levels (AVIF)."""
    known = known[..., None] if known.ndim == 2 else known
    known = known[0] if known.ndim == 4 else known
    narrow = pillow.narrowed(known)
    narrow = np.repeat(narrow[..., :1], 3, axis=2) if narrow.shape[2] < 3 else narrow[..., :3]
    turned = (upright(narrow, turn) for turn in range(1, 9))
    return any(one.shape == ours.shape and np.abs(one.astype(int) - ours).max(initial=0) <= 3 for one in turned)


def file_of(number: int, known: list[Seed]) -> tuple[str, bytes]:
    """The suffix and the content of the changed file that a number stands for."""
    seed = known[number % len(known)]
    return seed.suffix, changed(seed, drawn(number), known, mend=number // len(known) % 2 == 0)


def test_changed_image_files(tmp_path: Path) -> None:
    known, counts, path = seeds(tmp_path), Counter[str](), tmp_path / "photo"
    for seed in known:  # what is imported here need not be imported by each child
        looked_at(path, seed.suffix, seed.content)

    def several(first: int) -> tuple[Any, ...]:
        """A batch of files; the first one that something is wrong with, or how all of them ended."""
        endings = Counter[str]()
        for number in range(first, first + BATCH):
            outcome = looked_at(path, *file_of(number, known))
            if outcome[0] not in ("read", "refused", "only as a photo"):
                return "wrong", number, outcome
            endings[" ".join(filter(None, outcome)) if outcome[0] == "read" else outcome[0]] += 1
        return "fine", endings

    with Forked(several, deadline=DEADLINE, memory=MEMORY) as child:

        @settings_of(INPUTS.images // BATCH)
        @given(st.integers(0, 1 << 60))
        def check(first: int) -> None:
            outcome = child(first)
            if outcome[0] != "fine":  # which of the files it was, where the child cannot say
                newest = max(tmp_path.glob("photo.*"), key=lambda file: file.stat().st_mtime_ns)
                pytest.fail(f"{first}: {outcome}, at a file like {newest}")
            counts.update(outcome[1])

        with told("changed image files", counts):
            check()
    assert min(counts["read compared"], counts["refused"]) > 0.05 * counts.total()
