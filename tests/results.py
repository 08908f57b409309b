"""What a command of the documents leaves behind, by its entry point: an exit status alone says little."""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image


class Result(NamedTuple):
    """Which files an entry point makes, and what tells that one of them is whole."""

    pattern: str
    is_whole: Callable[[Path], bool]


def _is_finished(record: Path) -> bool:
    return bool(json.loads(record.read_text())["status"] == "finished")


def _has_rows(table: Path) -> bool:
    with table.open() as file:
        return any(any(row.values()) for row in csv.DictReader(file))


def _is_image(path: Path) -> bool:
    with Image.open(path) as image:
        return bool(np.asarray(image).any())


def _is_network(path: Path) -> bool:
    import onnx  # here: only the process of the runtimes loads it

    return bool(onnx.load(path).graph.output)


RESULTS = {
    "drbn_lightning.train": Result("**/run.json", _is_finished),
    "drbn_lightning.evaluate": Result("**/scores.csv", _has_rows),
    "drbn_lightning.enhance": Result("**/*.[jp][pn]g", _is_image),
    "drbn_lightning.export": Result("*.onnx", _is_network),
    "drbn_lightning.summarize": Result("**/summary.csv", _has_rows),
}
SHOWN = {"--cfg", "-sc", "--help"}
"""Options with which an entry point only says something."""


@contextmanager
def left_behind(module: str, words: Sequence[str]) -> Iterator[None]:
    """Look below the current folder for what an entry point makes in between, whole and at least one.

    Raises:
        AssertionError: there is none, or it is not whole.
    """
    result = None if SHOWN & set(words) else RESULTS.get(module)
    before = _found(result)
    yield
    made = [path for path, time in _found(result).items() if before.get(path) != time]
    assert result is None or made, f"{module} made no {result.pattern}"
    assert result is None or [path for path in made if not result.is_whole(path)] == []


def _found(result: Result | None) -> dict[Path, int]:
    paths = Path.cwd().glob(result.pattern) if result else ()
    return {path: path.stat().st_mtime_ns for path in paths}
