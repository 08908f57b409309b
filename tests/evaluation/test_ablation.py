from pathlib import Path

import pytest

from drbn_lightning.errors import DRBNError
from drbn_lightning.evaluation.ablation import Training, chance, compare, comparison_table, read_trainings

TABLE = """variant,seed,parameters,psnr,note
whole,0,100,20.0,
whole,1,100,22.0,
small,1,50,21.0,cut short
small,0,50,19.5,
other,2,70,,
"""


@pytest.fixture
def trainings(tmp_path: Path) -> list[Training]:
    (tmp_path / "table.csv").write_text(TABLE)
    return read_trainings(tmp_path / "table.csv")


def test_reads_numbers_only(trainings: list[Training]) -> None:
    assert trainings[2] == Training("small", 1, {"parameters": 50.0, "psnr": 21.0})
    assert trainings[4].figures == {"parameters": 70.0}


def test_differences_are_paired_by_seed(trainings: list[Training]) -> None:
    whole, small = compare(trainings, "psnr", "whole")
    assert (whole.values, whole.differences) == ([20.0, 22.0], [])
    assert (small.values, small.differences) == ([19.5, 21.0], [-0.5, -1.0])


def test_seeds_of_one_variant_alone_are_not_compared(trainings: list[Training]) -> None:
    other = compare([*trainings, Training("late", 7, {"psnr": 30.0})], "psnr", "whole")[-1]
    assert other.differences == []
    assert comparison_table([other], "psnr").cells[0][4:] == ["", "", ""]


def test_the_table_says_what_chance_does(trainings: list[Training]) -> None:
    cells = comparison_table(compare(trainings, "psnr", "whole"), "PSNR").cells[1]
    assert cells == ["small", "2", "20.25", "19.50 to 21.00", "-0.50 -1.00", "-0.75", "50 %"]


def test_chance_of_one_sign() -> None:
    assert chance([1.0] * 6) == 2 / 64
    assert chance([1.0, -1.0]) == chance([0.0, 1.0]) == chance([]) == chance([1.0]) == 1


def test_a_base_without_the_figure_is_an_error(trainings: list[Training]) -> None:
    with pytest.raises(DRBNError, match=r"other .*psnr.*whole, small"):
        compare(trainings, "psnr", "other")


@pytest.mark.parametrize("text", ["variant,psnr\nwhole,20\n", "variant,seed\nwhole,first\n", "variant,seed\nwhole\n"])
def test_a_table_without_seeds_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "table.csv").write_text(text)
    with pytest.raises(DRBNError, match=r"table\.csv"):
        read_trainings(tmp_path / "table.csv")


def test_a_missing_table_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DRBNError, match=r"none\.csv"):
        read_trainings(tmp_path / "none.csv")
