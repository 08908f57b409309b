import errno
from pathlib import Path

import pytest

from drbn_lightning.files import UnwritableError, written_beside


def test_a_failed_write_leaves_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError), written_beside(path) as beside:
        beside.write_text("half\n\ud800", encoding="utf-8", newline="\n")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("number", "reason"),
    [(errno.ENOSPC, "no space is left"), (errno.EACCES, "permission is denied"), (errno.EROFS, "read-only")],
)
def test_what_a_user_can_mend_is_said(tmp_path: Path, number: int, reason: str) -> None:
    with (
        pytest.raises(UnwritableError, match=rf"a\.txt cannot be written: .*{reason}"),
        written_beside(tmp_path / "a.txt"),
    ):
        raise OSError(number, "from the system")
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "a", tmp_path / "file" / "b" / "a"):
        with pytest.raises(UnwritableError, match=f"{path} .*folder"), written_beside(path):
            pass


def test_an_error_about_another_file_keeps_its_name(tmp_path: Path) -> None:
    with pytest.raises(PermissionError, match="elsewhere"), written_beside(tmp_path / "a"):
        raise PermissionError(errno.EACCES, "Permission denied", "elsewhere")
