import math
from pathlib import Path

import pytest

from drbn_lightning.data.datamodule import TEST, TRAINING, VALIDATION
from drbn_lightning.data.unpaired.files import (
    Limits,
    PhotoFile,
    Shares,
    checked,
    find,
    held_out,
    in_folder,
    missing,
    used,
)
from drbn_lightning.data.unpaired.splits import HIGH, LOW, MIDDLE
from drbn_lightning.errors import DRBNError
from tests.data.unpaired.photo_tables import write_photos

NAMES = [f"{number}.png" for number in range(12)]


def files(counts: dict[str, int], role: int) -> list[PhotoFile]:
    return [
        PhotoFile(Path(f"{kind}{number}.jpg"), kind, 5.0, role, "unpaired.root")
        for kind, count in counts.items()
        for number in range(count)
    ]


def counted(photos: list[PhotoFile], role: int) -> list[int]:
    return [sum(one.kind == kind and one.role == role for one in photos) for kind in (HIGH, LOW, MIDDLE)]


def test_a_folder_is_dealt_out(tmp_path: Path) -> None:
    write_photos(tmp_path, NAMES)
    photos = in_folder(tmp_path, HIGH, Shares(0.25, 0.25), "unpaired.high")
    assert [one.path.name for one in photos] == NAMES
    assert sorted(one.role for one in photos) == [TRAINING] * 6 + [VALIDATION] * 3 + [TEST] * 3
    assert all(math.isnan(one.mos) and one.key == "unpaired.high" for one in photos)
    halves = [in_folder(tmp_path, HIGH, Shares(0.25, 0.25, part, 2), "unpaired.high") for part in range(2)]
    assert sorted(one.path for half in halves for one in half) == sorted(one.path for one in photos)


def test_a_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DRBNError, match="nowhere"):
        in_folder(tmp_path / "nowhere", HIGH, Shares(0.1, 0.1), "unpaired.high")


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        (Shares(-0.1, 0.1), r"unpaired\.validation_share=-0\.1 and unpaired\.test_share=0\.1"),
        (Shares(0.5, 0.5), r"unpaired\.validation_share=0\.5 and unpaired\.test_share=0\.5"),
        (Shares(0.1, 0.1, 2, 2), r"unpaired\.part=2 .*unpaired\.parts=2"),
    ],
)
def test_shares_that_cannot_be(shares: Shares, message: str) -> None:
    with pytest.raises(DRBNError, match=message):
        checked(shares, "unpaired.")


def test_files_are_found_in_the_root_its_folders_and_their_own(tmp_path: Path) -> None:
    write_photos(tmp_path, ["1.jpg"])
    write_photos(tmp_path / "images" / "images", ["1.jpg", "2.jpg"])
    write_photos(tmp_path / "day", ["3.jpg"])
    names = ["1.jpg", "2.jpg", "day/3.jpg", "day/4.jpg", "5.jpg"]
    paths = find(tmp_path, ("images", "images/images"), names)
    assert paths == {
        "1.jpg": tmp_path / "1.jpg",
        "2.jpg": tmp_path / "images" / "images" / "2.jpg",
        "day/3.jpg": tmp_path / "day" / "3.jpg",
    }
    with pytest.raises(DRBNError, match=r"unpaired\.root=.*1\.jpg"):
        find(tmp_path / "1.jpg", (), names)


def test_missing_files_are_named_up_to_a_limit() -> None:
    names = [f"{number}.jpg" for number in range(6)]
    paths = {"2.jpg": Path("2.jpg")}
    message = r"5 of the 6 .*AVA\.txt.*root: 0\.jpg, 1\.jpg, 3\.jpg and 2"
    with pytest.warns(UserWarning, match=message):
        assert missing(Path("AVA.txt"), Path("root"), names, paths, 1.0) == ["0.jpg", "1.jpg", *names[3:]]
    with pytest.raises(DRBNError, match=rf"{message}.*unpaired\.max_missing.*0\.5"):
        missing(Path("AVA.txt"), Path("root"), names, paths, 0.5)
    with pytest.raises(DRBNError, match=r"unpaired\.root=root .*the 6 .*0\.jpg"):
        missing(Path("AVA.txt"), Path("root"), names, {}, 1.0)


@pytest.mark.filterwarnings("error")
def test_nothing_missing_is_no_warning() -> None:
    assert missing(Path("AVA.txt"), Path("root"), ["2.jpg"], {"2.jpg": Path("2.jpg")}, 0) == []


def test_held_out_photos_are_of_all_kinds_as_far_as_there_are_any() -> None:
    photos = files({HIGH: 9, LOW: 2, MIDDLE: 50}, VALIDATION) + files({HIGH: 5}, TEST)
    chosen = held_out(photos, VALIDATION, 12)
    assert counted(chosen, VALIDATION) == [5, 2, 5]
    assert chosen == held_out(photos[::-1], VALIDATION, 12)
    assert set(chosen) < set(held_out(photos, VALIDATION, 30))
    assert held_out(photos, TEST, 0) == []


def test_training_takes_high_and_low_alone() -> None:
    photos = [one for role in (TRAINING, VALIDATION, TEST) for one in files({HIGH: 6, LOW: 4, MIDDLE: 8}, role)]
    chosen = used(photos, Limits(3, 6))
    assert counted(chosen, TRAINING) == [6, 4, 0]
    assert counted(chosen, VALIDATION) == [1, 1, 1]
    assert counted(chosen, TEST) == [2, 2, 2]
