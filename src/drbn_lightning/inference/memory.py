"""How large tiles may be: as large as the memory that is free here allows, and never larger than a photo needs."""

import math
from collections.abc import Iterator
from pathlib import Path

from drbn_lightning.inference.tiling import ALIGNMENT, SMALLEST_CORE

BYTES_PER_PIXEL = {
    ("torch", "float32"): 900,
    ("torch", "bfloat16"): 500,
    ("torch", "float16"): 500,
    ("onnx", "float32"): 1150,
    ("openvino", "float32"): 1900,
    ("openvino", "bfloat16"): 1000,
}
"""Peak memory on a CPU beside the image, for each pixel of a tile, by runtime and precision (DRBN as released, November
2026)."""

MOST = 1_200_000_000
"""Bytes that a tile may take, however much is free: larger tiles are no faster."""
SHARE = 0.5
"""Part of the free memory that a tile may take: photos and their results need some, and so do other programs."""
MEMINFO = Path("/proc/meminfo")
CGROUPS = tuple(
    (Path("/sys/fs/cgroup") / limit, Path("/sys/fs/cgroup") / used)
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    )
)
"""Where Linux says what a container may use, and what it does use: both versions of control groups."""


def tile_size(runtime: str, precision: str, overlap: int) -> int:
    """Side of the tiles that a network is run on, in pixels, a multiple of 16.

    Args:
        runtime: `torch`, `onnx` or `openvino`.
        precision: `float32`, `bfloat16` or `float16`.
        overlap: of the tiles; they have some pixels of their own however little memory is free.
    """
    free = free_bytes()
    budget = MOST if free is None else min(MOST, SHARE * free)
    side = math.isqrt(int(budget / BYTES_PER_PIXEL[runtime, precision]))
    return max(side // 16 * 16, 2 * overlap + SMALLEST_CORE + ALIGNMENT)


def free_bytes() -> int | None:
    """Memory that this process can still get; None where the system does not say."""
    return min(_free(), default=None)


def _free() -> Iterator[int]:
    for line in _text(MEMINFO).splitlines():
        if line.startswith("MemAvailable:"):
            yield int(line.split()[1]) * 1024
    for limit, used in CGROUPS:
        most, now = _text(limit).strip(), _text(used).strip()
        if most.isdecimal() and now.isdecimal():
            yield max(0, int(most) - int(now))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return ""
