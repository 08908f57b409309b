"""Tables at random: every one is read as a plain reader of this file reads it, or refused in one line that names it."""

import csv
import math
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drbn_lightning.data.unpaired.ratings import COLUMNS, Ratings, read_ava, read_scores
from drbn_lightning.errors import DRBNError
from tests.reliability.fuzzing import INPUTS, TIMEOUT, settings_of, told

pytestmark = [pytest.mark.reliability, pytest.mark.timeout(TIMEOUT)]

NUMBERS = st.integers(0, 99).map(str)
ODD_CELLS = st.sampled_from(
    ["", "-1", "1_0", "5.0", "1e3", "nan", "inf", "0x10", "٣", "²", "+4", "99999999999999999999", "a", "#", '"', "\x00",
     "\u2028", "7\x1b[2J", "4,5", "..", "../a.jpg", "/etc/a.jpg", "a b.png", "ä.jpg", "=1+1"]
)  # fmt: skip
CELLS = st.one_of(NUMBERS, NUMBERS, NUMBERS, ODD_CELLS, st.text(max_size=6))
NO_TEXT = st.one_of(st.just(b""), st.just(b""), st.binary(max_size=4))
ENDS = st.sampled_from(["\n", "\n", "\r\n", "\n\n", ""])


def written(folder: Path, text: str, raw: bytes) -> Path:
    """A table of a text, and bytes that may be no text behind it."""
    path = folder / "table.txt"
    path.write_bytes(text.encode("utf-8", "surrogatepass") + raw)
    return path


def outcome(path: Path, ratings: "Ratings | DRBNError") -> str:
    """A word for the counts; a refusal must name the file, in a few lines at most."""
    if isinstance(ratings, DRBNError):
        assert str(path) in str(ratings)
        assert len(str(ratings)) < 400 + 2 * path.stat().st_size
        return "refused"
    assert len(ratings.names) == len(ratings.mos) == len(set(ratings.names))
    return "read"


def test_lines_of_ava(tmp_path: Path) -> None:
    counts = Counter[str]()
    row = st.lists(CELLS, min_size=COLUMNS, max_size=COLUMNS)
    plain = st.lists(NUMBERS, min_size=COLUMNS, max_size=COLUMNS)
    damaged = st.lists(st.one_of(plain, plain, plain, row, st.lists(CELLS, max_size=17)), max_size=5)
    rows = st.one_of(st.lists(plain, min_size=1, max_size=5), damaged)

    @settings_of(INPUTS.ava)
    @given(
        rows,
        st.sampled_from([" ", " ", "  ", "\t"]),
        st.sampled_from(["\n", "\r\n", "\n\n"]),
        st.one_of(st.just(b""), st.just(b""), st.binary(max_size=4)),
    )
    def check(rows: list[list[str]], blank: str, end: str, raw: bytes) -> None:
        path = written(tmp_path, "".join(blank.join(row) + end for row in rows), raw)
        try:
            found: Ratings | DRBNError = read_ava(path)
        except DRBNError as error:
            found = error
        counts[outcome(path, found)] += 1
        if isinstance(found, Ratings):
            lines = [line.split() for line in path.read_text("utf-8-sig").splitlines() if line.split()]
            assert all(re.fullmatch("[0-9]+", cell) for line in lines for cell in line)
            assert found.names == [f"{int(line[1])}.jpg" for line in lines]
            for mos, line in zip(found.mos, lines, strict=True):
                votes = [int(cell) for cell in line[2:12]]
                mean = (
                    sum(score * count for score, count in enumerate(votes, 1)) / sum(votes) if any(votes) else math.nan
                )
                assert mos == pytest.approx(mean, nan_ok=True)

    with told("lines of AVA", counts):
        check()
    assert min(counts["read"], counts["refused"]) > 0.05 * counts.total()


def test_tables_of_scores(tmp_path: Path) -> None:
    counts = Counter[str]()
    names = st.one_of(st.integers(0, 30).map(lambda number: f"{number}.jpg"), CELLS)
    scores = st.one_of(st.floats(0, 10).map(str), NUMBERS, CELLS)
    rows = st.lists(st.one_of(st.tuples(names, scores), st.lists(CELLS, max_size=3).map(tuple)), max_size=6)
    marks = st.sampled_from([",", ",", ";", "\t"])

    @settings_of(INPUTS.scores)
    @given(rows, marks, ENDS, st.booleans(), NO_TEXT)
    def check(rows: list[tuple[str, ...]], mark: str, end: str, header: bool, raw: bytes) -> None:
        lines = [mark.join(row) + end for row in ([("name", "score")] if header else []) + rows]
        path = written(tmp_path, "".join(lines), raw)
        try:
            found: Ratings | DRBNError = read_scores(path)
        except DRBNError as error:
            found = error
        counts[outcome(path, found)] += 1
        if isinstance(found, Ratings):
            assert all(math.isfinite(score) for score in found.mos)
            assert not any(name.startswith("/") or ".." in name.split("/") or not name for name in found.names)
            with path.open(encoding="utf-8-sig", newline="") as file:
                table = csv.reader(file.read().splitlines(), delimiter=_mark(path))
                cells = {cell.strip() for row in table for cell in row}
            assert set(found.names) <= cells

    with told("tables of scores", counts):
        check()
    assert min(counts["read"], counts["refused"]) > 0.05 * counts.total()


def _mark(path: Path) -> str:
    head = next(line for line in path.read_text("utf-8-sig").splitlines() if line.strip())
    return next((mark for mark in "\t;," if mark in head), ",")
