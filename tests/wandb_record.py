"""Reads what an offline run of W&B has written: records in blocks, as in a log of LevelDB, after a header."""

import json
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wandb.proto import wandb_internal_pb2

from tests.processes import LIMIT

HEADER, BLOCK, FRAME = 7, 32768, 7  # bytes; a frame's: checksum, length, kind
WHOLE, FIRST, MIDDLE, LAST = 1, 2, 3, 4  # kinds of frames


class Recorded:
    """The records of one run, by what they are about."""

    def __init__(self, folder: Path) -> None:
        """Read the record in a run's folder."""
        (file,) = folder.glob("run-*.wandb")
        until = time.monotonic() + LIMIT
        self.folder, self.records = folder, read(file)
        while not self.about("exit") and time.monotonic() < until:  # W&B's own process writes it, and may be behind
            time.sleep(0.05)
            self.records = read(file)
        self.run = self.about("run")[0]
        self.config = {item.key: json.loads(item.value_json) for item in self.run.config.update}
        for update in self.about("config"):
            self.config |= {item.key or item.nested_key[0]: json.loads(item.value_json) for item in update.update}
        self.history = [named(row.item) for row in self.about("history")]
        self.summary = {key: value for part in self.about("summary") for key, value in named(part.update).items()}
        self.artifacts = self.about("artifact")
        self.exit_codes = [record.exit_code for record in self.about("exit")]

    def about(self, what: str) -> list[Any]:
        """The records of one type, such as `history`."""
        return [getattr(one, what) for one in self.records if one.WhichOneof("record_type") == what]

    def column(self, name: str) -> dict[int, Any]:
        """Values of a figure, by step."""
        return {row["trainer/global_step"]: row[name] for row in self.history if name in row}


def parsed(content: bytes) -> Any:  # noqa: ANN401 a class that W&B makes on the fly
    """One record."""
    record = wandb_internal_pb2.Record()  # type: ignore[attr-defined]  # comes from one of several modules
    record.ParseFromString(content)
    return record


def named(items: Any) -> dict[str, Any]:  # noqa: ANN401 W&B's
    """Names and values of a row; a value may have parts with names of their own."""
    values: dict[str, Any] = {}
    for item in items:
        first, *parts = [item.key] if item.key else item.nested_key
        value = json.loads(item.value_json)
        for part in reversed(parts):
            value = {part: value}
        values[first] = values.get(first, {}) | value if parts else value
    return values


def read(file: Path) -> list[Any]:
    """The records of a file."""
    return [parsed(content) for content in contents(file.read_bytes())]


def contents(data: bytes) -> Iterator[bytes]:
    """The contents of all records; a long one lies in several frames, and no frame crosses the end of a block."""
    assert data[:4] == b":W&B"
    place, parts = HEADER, list[bytes]()
    while place + FRAME <= len(data):
        left = BLOCK - place % BLOCK
        if left < FRAME:
            place += left
            continue
        _, length, kind = struct.unpack_from("<IHB", data, place)
        parts.append(data[place + FRAME : place + FRAME + length])
        place += FRAME + length
        if kind in (WHOLE, LAST):
            yield b"".join(parts)
            parts.clear()
