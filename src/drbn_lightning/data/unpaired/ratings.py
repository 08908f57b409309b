"""What people think of photos: AVA's table of votes, and tables of file names and scores."""

import csv
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from drbn_lightning.errors import DRBNError
from drbn_lightning.images.formats import IMAGE_SUFFIXES

COLUMNS = 15
"""Of AVA.txt: running number, image, votes for the scores 1 to 10, two tags, challenge."""

SCORES = np.arange(1, 11)
"""What a voter of AVA may give."""

_AVA = re.compile(r"[ \t]*(?:[0-9]{1,18}(?:[ \t]+|$))+")
_IMAGE, _VOTES = 1, slice(2, 12)


class Ratings(NamedTuple):
    """Photos and what people think of them, row by row.

    `names` are file names, `mos` is `(N,)` float64: the mean opinion scores, NaN where nobody voted. `votes` is
    `(N, 10)` int64: how many people gave the scores 1 to 10; None where the table does not say.
    """

    names: list[str]
    mos: NDArray[np.float64]
    votes: NDArray[np.int64] | None


def read_ava(path: Path) -> Ratings:
    """Read AVA.txt as its authors (Murray, Marchesotti and Perronnin, CVPR 2012) ship it: image 953619 is 953619.jpg.

    Raises:
        DRBNError: the file cannot be read or is empty, or one of its lines is no row of AVA.
    """
    lines = [line for line in _lines(path) if line.strip()]
    # NOTE: not by numpy.loadtxt, which ends the process (SIGSEGV in NumPy 2.4) on some lines that are damaged.
    text = " ".join(lines)
    if not _AVA.fullmatch(text) or any(len(line.split()) != COLUMNS for line in lines):
        _refuse(path, _lines(path))
    table = np.fromstring(text, np.int64, sep=" ").reshape(-1, COLUMNS)
    if len(np.unique(table[:, _IMAGE])) < len(table):
        _refuse(path, _lines(path))
    votes = table[:, _VOTES]
    with np.errstate(invalid="ignore"):  # 0 / 0 where nobody voted
        mos = (votes @ SCORES) / votes.sum(axis=1)
    return Ratings([f"{image}.jpg" for image in table[:, _IMAGE].tolist()], mos, votes)


def read_scores(path: Path, name_column: str | None = None, score_column: str | None = None) -> Ratings:
    """Read a table of file names and scores, separated by tabs, semicolons or commas.

    A first line whose score is no number and whose name is no image's is a header.

    Args:
        path: the table, in UTF-8; with tabs or semicolons, numbers may have decimal commas.
        name_column: heading of the column of file names; the first column by default.
        score_column: heading of the column of scores; the second column by default.

    Raises:
        DRBNError: the file cannot be read or is empty, a column is missing, a score is no number or a name comes twice.
    """
    lines = _lines(path)
    head = next(line for line in lines if line.strip())
    delimiter = next((mark for mark in "\t;," if mark in head), ",")
    rows = _rows(path, lines, delimiter)
    if not rows:
        raise DRBNError(f"The table {path} has empty cells only; give one with a row for each photo.")
    where = _columns(path, rows[0][1], delimiter, name_column, score_column)
    if name_column is not None or score_column is not None or _is_header(rows[0][1], where, delimiter):
        rows = rows[1:]
    if not rows:
        raise DRBNError(f"{path} has a header and no row below it; give it a row for each photo.")
    return _ratings(path, rows, where, delimiter)


def _lines(path: Path) -> list[str]:
    """Read a table that must hold something."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise DRBNError(f"The table {path} cannot be opened ({error.strerror}); check the path.") from error
    except UnicodeDecodeError as error:
        raise DRBNError(f"The table {path} is no text in UTF-8 ({error.reason}); save it as such.") from error
    if not any(line.strip() for line in lines):
        raise DRBNError(f"The table {path} is empty; give one with a row for each photo.")
    return lines


def _refuse(path: Path, lines: Sequence[str]) -> NoReturn:
    """Find the first line that is no row of AVA and say why."""
    lines_by_photo: dict[int, int] = {}
    for number, line in enumerate(lines, start=1):
        cells = line.split()
        if not cells:
            continue
        wrong = _fault(cells, lines_by_photo)
        if wrong:
            raise DRBNError(f"{path}, line {number}: {wrong}; it is not AVA.txt as its authors ship it, or damaged.")
        lines_by_photo[int(cells[_IMAGE])] = number
    raise DRBNError(f"{path} is not AVA.txt: its numbers are too large, or parted by something else than blanks.")


def _fault(cells: Sequence[str], lines_by_photo: dict[int, int]) -> str | None:
    """Say what is wrong with a row of AVA, if anything is."""
    if len(cells) != COLUMNS:
        return f"it has {len(cells)} columns and AVA.txt has {COLUMNS}"
    odd = next((cell for cell in cells if not (cell.isascii() and cell.isdecimal())), None)
    if odd is not None:
        return f"{odd!r} is not a whole number from 0"
    first = lines_by_photo.get(int(cells[_IMAGE]))
    return None if first is None else f"image {cells[_IMAGE]} comes a second time, after line {first}"


def _rows(path: Path, lines: Sequence[str], delimiter: str) -> list[tuple[int, list[str]]]:
    """Split lines into cells, each row with the number of its last line; empty rows are left out."""

    def read() -> Iterator[tuple[int, list[str]]]:
        reader = csv.reader(lines, delimiter=delimiter)
        for cells in reader:
            yield reader.line_num, [cell.strip() for cell in cells]

    try:
        return [(number, cells) for number, cells in read() if any(cells)]
    except csv.Error as error:
        raise DRBNError(f"{path} cannot be read as a table ({error}); save it as CSV.") from error


def _columns(path: Path, header: list[str], delimiter: str, name: str | None, score: str | None) -> tuple[int, int]:
    """Find the places of the two columns."""
    if len(header) < 2:
        separated = {"\t": "tabs", ";": "semicolons", ",": "commas"}[delimiter]
        raise DRBNError(f"{path} has one column when split at {separated}; give file names and scores.")
    for wanted in (name, score):
        if wanted is not None and wanted not in header:
            raise DRBNError(f"{path} has no column {wanted!r}; its first line has {', '.join(header)}.")
    return 0 if name is None else header.index(name), 1 if score is None else header.index(score)


def _is_header(cells: list[str], where: tuple[int, int], delimiter: str) -> bool:
    name, score = (cells[place] for place in where)
    return _number(score, delimiter) is None and Path(name).suffix.lower() not in IMAGE_SUFFIXES


def _ratings(path: Path, rows: list[tuple[int, list[str]]], where: tuple[int, int], delimiter: str) -> Ratings:
    """Take names and scores from the rows, each name once."""
    scores: dict[str, float] = {}
    for number, cells in rows:
        if len(cells) <= max(where):
            raise DRBNError(f"{path}, line {number}: column {max(where) + 1} is missing; mend the line or remove it.")
        name, score = cells[where[0]], _number(cells[where[1]], delimiter)
        if score is None:
            raise DRBNError(f"{path}, line {number}: the score {cells[where[1]]!r} is not a number; mend or remove it.")
        if not name or name in scores:
            what = f"{name} comes a second time" if name else "the file name is missing"
            raise DRBNError(f"{path}, line {number}: {what}; mend the line or remove it.")
        if name.startswith("/") or ".." in name.split("/"):
            raise DRBNError(f"{path}, line {number}: {name} leads out of the photos' folder; mend or remove it.")
        scores[name] = score
    return Ratings(list(scores), np.array(list(scores.values()), np.float64), None)


def _number(text: str, delimiter: str) -> float | None:
    """Read a finite number, with a decimal comma where that is no delimiter."""
    try:
        value = float(text if delimiter == "," else text.replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) else None
