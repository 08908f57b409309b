import errno
import os
from pathlib import Path

import pytest

from drbn_lightning.files import UnwritableError, remove_leftovers, written_beside


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


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a").write_text("old")
    (tmp_path / "a").symlink_to("real/a")
    (tmp_path / "new").symlink_to("real/new")
    for name in ("a", "new"):
        with written_beside(tmp_path / name) as beside:
            beside.write_text("new")
        assert (tmp_path / name).is_symlink()
        assert (tmp_path / "real" / name).read_text() == "new"
    assert sorted(path.name for path in (tmp_path / "real").iterdir()) == ["a", "new"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o755])
def test_what_is_replaced_keeps_its_permissions(tmp_path: Path, mode: int) -> None:
    (tmp_path / "a").write_text("old")
    (tmp_path / "a").chmod(mode)
    with written_beside(tmp_path / "a", mode=0o666) as beside:
        assert beside.stat().st_mode & 0o077 & ~mode == 0
        beside.write_text("new")
    assert (tmp_path / "a").read_text() == "new"
    assert (tmp_path / "a").stat().st_mode & 0o777 == mode


def test_a_new_file_gets_the_permissions_asked_for(tmp_path: Path) -> None:
    old = os.umask(0o022)
    try:
        for name, asked, expected in (("a", 0o600, 0o600), ("b", 0o777, 0o644), ("c", None, 0o644)):
            with written_beside(tmp_path / name, mode=asked) as beside:
                beside.write_text("new")
            assert (tmp_path / name).stat().st_mode & 0o777 == expected
    finally:
        os.umask(old)


def test_a_name_that_is_too_long_is_said(tmp_path: Path) -> None:
    with pytest.raises(UnwritableError, match="its name is too long"), written_beside(tmp_path / ("x" * 300)) as beside:
        beside.write_text("new")


def test_old_leftovers_go_and_young_and_foreign_files_stay(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    old, young, foreign = (tmp_path / name for name in (f"below/.{'a1' * 16}.part", f".{'b2' * 16}.part", ".mine.part"))
    for file in (old, young, foreign):
        file.touch()
    for file in (old, foreign):
        os.utime(file, (0, 0))
    remove_leftovers(tmp_path)
    assert [file.exists() for file in (old, young, foreign)] == [False, True, True]
    remove_leftovers(tmp_path, older=0)
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == [".mine.part"]
    remove_leftovers(tmp_path / "missing")
