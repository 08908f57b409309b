"""What befalls a training from outside, in words: a loading process that was killed, memory that does not suffice."""

import re

from drbn_lightning.inference.runtimes.torch import is_out_of_memory

ENDED_WORKERS = re.compile(r"DataLoader worker \(pid(?:\(s\))? [^)]*\)")
"""How torch says that a loading process has ended."""
LESS = "take a lower data.batch_size, unpaired.batch_size, data.crop_size or data.num_workers, or close other programs"


def in_words(error: BaseException) -> str | None:
    """What has happened and what to do, of an error whose cause lies outside the program; None for any other.

    Args:
        error: what a training has raised.
    """
    text = str(error).strip().splitlines()
    worker = next((line for line in text if ENDED_WORKERS.search(line)), None)
    if isinstance(error, RuntimeError) and worker is not None:
        return (
            f"a process that loads data has ended ({worker.strip().rstrip('.')}); where the system has killed it for "
            "want of memory, take a lower data.num_workers"
        )
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and is_out_of_memory(error)):
        return f"memory does not suffice; {LESS}"
    return None
