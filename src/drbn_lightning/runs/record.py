"""What a run's folder says of the run: `run.json` (what it was and how it ended) and `config.yaml` (resolved)."""

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from drbn_lightning.errors import DRBNError, QueuedAgainError, RunInterruptedError
from drbn_lightning.files import written_beside

RECORD, CONFIGURATION = "run.json", "config.yaml"
CHANGEABLE = (
    *("cooldown", "trainer.max_epochs", "trainer.max_steps", "trainer.max_time", "trainer.precision"),
    *("trainer.devices", "trainer.num_nodes", "trainer.accelerator", "trainer.strategy"),
    *("data.num_workers", "unpaired.num_workers"),
)
"""Keys that may change when a run is resumed: how long it goes on, in what precision, and on which machines."""
Status = Literal["running", "finished", "failed", "interrupted", "pruned"]


@contextmanager
def recorded(folder: Path, provenance: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Keep a run's record up to date, from the first process; what the caller adds to it is written at the end.

    Args:
        folder: the run's folder.
        provenance: plain values: what the run is; `config` among them goes to `config.yaml`.

    Returns:
        The record: the values of `provenance`, `status`, `reason` (why it ended otherwise than `finished`), `seconds`.
    """
    record = {name: value for name, value in provenance.items() if name != "config"}
    record |= {"status": "running", "reason": None}
    start = time.monotonic()
    _write(folder / CONFIGURATION, str(provenance["config"]))
    _keep(folder, record)
    try:
        yield record
    except BaseException as error:
        record |= {"status": _status(error), "reason": _reason(error)}
        raise
    else:
        if record["status"] == "running":
            record["status"] = "finished"
    finally:
        _keep(folder, record | {"seconds": round(time.monotonic() - start, 1)})


def read_record(folder: Path) -> dict[str, Any] | None:
    """The record of the run in a folder; None where there is none.

    Raises:
        DRBNError: it is damaged.
    """
    file = folder / RECORD
    if not file.is_file():
        return None
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DRBNError(f"{file} cannot be read ({error}); remove it and run this again") from None
    if not isinstance(record, dict) or "status" not in record:
        raise DRBNError(f"{file} is not a run's record; remove it and run this again")
    return record


def finished_before(folder: Path, overrides: list[str]) -> dict[str, Any] | None:
    """The record of a run that ended well in this folder, for a run that goes on by `resume=auto`.

    None too where `overrides` ask that run for more: a longer run, a cool-down, another precision (`CHANGEABLE`).

    Raises:
        DRBNError: the folder holds a run with other overrides.
    """
    record = read_record(folder)
    if record is None:
        return None
    if _unchangeable(record["overrides"]) != _unchangeable(overrides):
        was = " ".join(record["overrides"])
        raise DRBNError(f"resume=auto: {folder} holds another run ({was}); repeat its words or choose another folder")
    return record if record["status"] == "finished" and record["overrides"] == overrides else None


def _unchangeable(overrides: list[str]) -> list[str]:
    """The overrides by which a run is known, whenever it is resumed."""
    return [word for word in overrides if word.lstrip("+~").split("=")[0] not in CHANGEABLE]


def _status(error: BaseException) -> Status:
    asked = RunInterruptedError | KeyboardInterrupt | QueuedAgainError
    return "interrupted" if isinstance(error, asked) else "failed"


def _reason(error: BaseException) -> str:
    """An error in one line: the message of what a user can mend, else its class as well."""
    message = " ".join(str(error).split())
    return message if isinstance(error, DRBNError | RunInterruptedError) else f"{type(error).__name__}: {message}"


def first_process() -> bool:
    """Whether this is the only or the first process of a run, by the variables that Lightning reads."""
    ranks = (os.environ.get(name) for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID"))
    return next((rank for rank in ranks if rank is not None), "0") == "0"


def _keep(folder: Path, record: dict[str, Any]) -> None:
    _write(folder / RECORD, json.dumps(record, indent=2, ensure_ascii=False))


def _write(path: Path, text: str) -> None:
    if not first_process():
        return
    with written_beside(path) as beside:
        beside.write_text(f"{text.rstrip()}\n", encoding="utf-8")
