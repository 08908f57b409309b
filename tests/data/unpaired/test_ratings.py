import warnings
from pathlib import Path

import numpy as np
import pytest

from drbn_lightning.data.unpaired.ratings import read_ava, read_scores
from drbn_lightning.errors import DRBNError

COUNTS = [0, 0, 1, 2, 10, 20, 10, 2, 1, 0]


def row(number: int, image: int, counts: list[int]) -> str:
    return " ".join(map(str, [number, image, *counts, 0, 22, 1396]))


def table(folder: Path, text: str, name: str = "table.csv") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_ava_as_it_comes(tmp_path: Path) -> None:
    text = "\n".join([row(1, 953619, COUNTS), "", row(2, 7, [1] + [0] * 8 + [3]), row(3, 8, [0] * 10), ""])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ratings = read_ava(table(tmp_path, text, "AVA.txt"))
    assert ratings.names == ["953619.jpg", "7.jpg", "8.jpg"]
    expected = sum(count * score for score, count in enumerate(COUNTS, start=1)) / sum(COUNTS)
    assert ratings.mos[:2].tolist() == pytest.approx([expected, 31 / 4])
    assert np.isnan(ratings.mos[2])
    assert ratings.votes is not None
    assert ratings.votes.tolist() == [COUNTS, [1, *[0] * 8, 3], [0] * 10]


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ("2 8 1 2 3", r"line 3: .*5 columns.*15"),
        (row(2, 8, COUNTS).replace("20", "many"), "line 3: 'many'"),
        (row(2, 8, [1.5, *COUNTS[1:]]), r"line 3: '1\.5'"),  # type: ignore[list-item]
        (row(2, 8, [-1, *COUNTS[1:]]), "line 3: '-1'"),
        (row(2, 7, COUNTS), r"line 3: image 7 .*line 1"),
        (row(2, 10**30, COUNTS), "numbers"),
    ],
)
def test_a_bad_row_of_ava_is_named(tmp_path: Path, second: str, message: str) -> None:
    path = table(tmp_path, f"{row(1, 7, COUNTS)}\n\n{second}\n", "AVA.txt")
    with pytest.raises(DRBNError, match=rf"AVA\.txt.*{message}"):
        read_ava(path)


@pytest.mark.parametrize("read", [read_ava, read_scores])
def test_no_table_and_an_empty_one(tmp_path: Path, read: type[object]) -> None:
    with pytest.raises(DRBNError, match=r"nothing\.txt"):
        read(tmp_path / "nothing.txt")  # type: ignore[call-arg]
    with pytest.raises(DRBNError, match=r"empty\.txt"):
        read(table(tmp_path, "\n \n", "empty.txt"))  # type: ignore[call-arg]
    (tmp_path / "image.txt").write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(DRBNError, match="UTF-8"):
        read(tmp_path / "image.txt")  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "text",
    [
        "a.jpg,5.5\nb.jpg,6\n",
        "name,MOS\na.jpg,5.5\n\nb.jpg,6.0,more\n",
        "a.jpg;5,5\nb.jpg;6\n",
        "image\tscore\r\na.jpg\t5.5\r\nb.jpg\t6\r\n",
        '"a.jpg", 5.5\n"b.jpg", 6\n',
        "\ufeffname,MOS\na.jpg,5.5\nb.jpg,6\n",
    ],
)
def test_tables_of_scores(tmp_path: Path, text: str) -> None:
    ratings = read_scores(table(tmp_path, text))
    assert (ratings.names, ratings.mos.tolist(), ratings.votes) == (["a.jpg", "b.jpg"], [5.5, 6.0], None)


def test_columns_by_name(tmp_path: Path) -> None:
    path = table(tmp_path, "id,MOS,SD,file\n1,55.1,2,a.jpg\n2,60,3,b.jpg\n")
    ratings = read_scores(path, name_column="file", score_column="MOS")
    assert (ratings.names, ratings.mos.tolist()) == (["a.jpg", "b.jpg"], [55.1, 60.0])
    with pytest.raises(DRBNError, match=r"'mean'.*id, MOS, SD, file"):
        read_scores(path, score_column="mean")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.jpg\nb.jpg\n", "one column"),
        ("a.jpg,good\nb.jpg,3\n", r"line 1: .*'good'"),
        ("name,MOS\na.jpg,5\nb.jpg,nan\n", r"line 3: .*'nan'"),
        ("a.jpg,5\nb.jpg\n", "line 2: column 2"),
        ("a.jpg,5\n\nb.jpg,5\na.jpg,6\n", r"line 4: a\.jpg"),
        ("a.jpg,5\n,6\n", "line 2: "),
        ("name,MOS\n", "header"),
    ],
)
def test_a_bad_table_of_scores(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DRBNError, match=rf"table\.csv.*{message}"):
        read_scores(table(tmp_path, text))


@pytest.mark.reference
def test_a_table_of_empty_cells(tmp_path: Path) -> None:
    with pytest.raises(DRBNError, match=r"table\.csv has empty cells only"):
        read_scores(table(tmp_path, ",\n , \n"))


@pytest.mark.parametrize("name", ["../secret.jpg", "/etc/secret.jpg", "a/../../b.jpg", ".."])
def test_a_name_that_leaves_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    path = table(tmp_path, f"a.jpg,5\n{name},6\n")
    with pytest.raises(DRBNError, match=r"table\.csv, line 2: .* leads out of the photos' folder"):
        read_scores(path)
    assert read_scores(table(tmp_path, "b/..a.jpg,5\n")).names == ["b/..a.jpg"]


def test_the_part_of_ava_that_is_here(reference: Path) -> None:
    ratings = read_ava(reference / "data" / "ava" / "AVA.txt")
    assert len(ratings.names) == 57_048
    assert ratings.mos.mean() == pytest.approx(5.374, abs=0.0005)
    counts = [int(chosen.sum()) for chosen in (ratings.mos >= 6.5, ratings.mos >= 7, ratings.mos < 4)]
    assert counts == [3547, 756, 1859]
    assert ratings.votes is not None
    assert ratings.votes.sum(axis=1).min() == 81
