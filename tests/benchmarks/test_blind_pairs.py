import csv
from pathlib import Path

import pytest
from PIL import Image

from tests.benchmarks.conftest import Script

GRAYS = {"dark": 60, "light": 200}


@pytest.fixture
def folders(tmp_path: Path) -> list[str]:
    """Twelve images of one gray in one folder, and of another gray in the other."""
    for folder, gray in GRAYS.items():
        (tmp_path / folder).mkdir()
        for number in range(12):
            Image.new("RGB", (30, 20), (gray,) * 3).save(tmp_path / folder / f"{number:02d}.png")
    return [str(tmp_path / folder) for folder in GRAYS]


def test_pairs_hide_which_is_which_and_the_key_knows(script: Script, folders: list[str], tmp_path: Path) -> None:
    script("blind_pairs").main([str(tmp_path / "out"), *folders, "--height", "20"])
    with (tmp_path / "out" / "key.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = [row["image"] for row in rows]
    assert sorted(names) == [f"{number:02d}" for number in range(12)]
    assert names != sorted(names)
    assert {row["A"] for row in rows} == {row["B"] for row in rows} == set(folders)
    for row in rows:
        with Image.open(tmp_path / "out" / f"pair_{int(row['pair']):02d}.png") as image:
            left, right = (image.getpixel((x, image.height - 5)) for x in (5, image.width - 5))
        assert left == (GRAYS[Path(row["A"]).name],) * 3
        assert right == (GRAYS[Path(row["B"]).name],) * 3


def test_answers_are_counted_by_the_key(
    script: Script, folders: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out")
    script("blind_pairs").main([out, *folders, "--height", "20"])
    with (tmp_path / "out" / "key.csv").open(newline="", encoding="utf-8") as file:
        answers = ["A" if row["A"] == folders[1] else "B" for row in csv.DictReader(file)]
    script("blind_pairs").main([out, "--answers", "".join([".", *answers[1:]])])
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(f"{folders[0]}: 0 (")
    assert said[1].startswith(f"{folders[1]}: 11 (")
    assert said[2].startswith(".: 1 (")
    assert said[3] == "sign test: p = 0.001"


@pytest.mark.parametrize(("arguments", "said"), [(["--answers", "AB"], "each of the 12 pairs"), ([], "key.csv exists")])
def test_what_would_spoil_a_comparison_is_refused(
    script: Script, folders: list[str], tmp_path: Path, arguments: list[str], said: str
) -> None:
    out = str(tmp_path / "out")
    script("blind_pairs").main([out, *folders])
    with pytest.raises(SystemExit, match=said):
        script("blind_pairs").main([out, *(arguments or folders)])


def test_a_folder_that_is_not_there_is_named(script: Script, folders: list[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"error: .*nowhere is no folder of images"):
        script("blind_pairs").main([str(tmp_path / "out"), folders[0], str(tmp_path / "nowhere")])
    assert not (tmp_path / "out").exists()


def test_the_sign_test_is_the_binomial_one(script: Script) -> None:
    sign_test = script("blind_pairs").sign_test
    assert sign_test(10, 10) == 1
    assert sign_test(14, 6) == pytest.approx(0.1153, abs=1e-4)
    assert sign_test(6, 14) == sign_test(14, 6)
    assert sign_test(0, 0) == 1
