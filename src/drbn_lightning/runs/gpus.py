"""Devices of their own for jobs that run beside each other on one machine."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout


@contextmanager
def held_devices(wanted: int, count: int, job: int, folder: Path | None = None) -> Iterator[list[int]]:
    """Hold devices that no other job holds, as long as the context lasts.

    A job that dies gives its devices back: the operating system opens its locks. Where too few are free, jobs share.

    Args:
        wanted: number of devices.
        count: number of devices that this process sees, `wanted` or more.
        job: number of the job, by which devices are dealt out where too few are free.
        folder: where the locks lie; by default the same for all jobs of a user on this machine.

    Yields:
        The indices of the devices, from 0.
    """
    folder = Path(tempfile.gettempdir()) / f"drbn_lightning_devices_{os.getuid()}" if folder is None else folder
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        free: list[int] = []
        for index, name in enumerate(device_names(count)):
            if len(free) == wanted:
                break
            try:
                held.enter_context(FileLock(folder / f"{name}.lock").acquire(timeout=0))
            except Timeout:
                continue
            free.append(index)
        if len(free) < wanted:
            held.close()
            free = [(job * wanted + place) % count for place in range(wanted)]
        yield free


def device_names(count: int) -> list[str]:
    """What the devices that this process sees are called on the whole machine."""
    visible = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    return [name.replace("/", "_") for name in visible] if len(visible) == count else [str(n) for n in range(count)]
