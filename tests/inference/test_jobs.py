import errno
import os
from pathlib import Path

import pytest

from drbn_lightning.errors import DRBNError
from drbn_lightning.inference.jobs import InputPhoto, Job, check_output, find_photos, plan, refusal


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def touched(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def result(*arguments: str, output: str = "out", recursive: bool = False, overwrite: bool = False) -> list[str]:
    photos, failures = find_photos(arguments, Path(output), recursive=recursive, overwrite=overwrite)
    assert failures == []
    return [photo.path.as_posix() for photo in photos]


def planned(
    *arguments: str, output: str = "out", suffix: str | None = None, recursive: bool = False, compare: bool = False
) -> dict[str, str]:
    photos, _ = find_photos(arguments, Path(output), recursive=recursive, overwrite=True)
    jobs = plan(photos, Path(output), suffix=suffix, compare=compare)
    return {job.source.as_posix(): job.target.as_posix() for job in jobs}


def test_files_count_whatever_they_are_called_and_once() -> None:
    touched("b.png", "a.JPG", "notes.txt")
    assert result("b.png", "notes.txt", "a.JPG", "./b.png") == ["b.png", "notes.txt", "a.JPG"]


def test_folders_give_their_images_in_natural_order() -> None:
    touched("x/10.png", "x/2.JPG", "x/.2.png", "x/notes.txt", "x/a.gif", "x/sub/1.png", "x/.hidden/1.png", "x/z.heic")
    assert result("x") == ["x/2.JPG", "x/10.png", "x/a.gif", "x/z.heic"]
    assert result("x", recursive=True) == ["x/2.JPG", "x/10.png", "x/a.gif", "x/z.heic", "x/sub/1.png"]


def test_patterns_are_expanded_here_too() -> None:
    touched("x/a1.png", "x/a10.png", "x/a2.png", "x/b.txt", "x/y/a3.png", "z[1].png", "z1.png")
    assert result("x/a?.png") == ["x/a1.png", "x/a2.png"]
    assert result("x/*") == ["x/a1.png", "x/a2.png", "x/a10.png", "x/y/a3.png"]
    assert result("**/a*.png") == ["x/a1.png", "x/a2.png", "x/a10.png", "x/y/a3.png"]
    assert result("z[1].png") == ["z[1].png"]
    assert result(str(Path.cwd() / "x" / "y" / "*.png")) == [(Path.cwd() / "x" / "y" / "a3.png").as_posix()]


def test_what_is_missing_is_named_and_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    touched("a.png", "empty/notes.txt", "locked/b.png")
    original = Path.iterdir

    def refuse(path: Path) -> object:
        if path.name == "locked":
            raise PermissionError(errno.EACCES, "Permission denied")
        return original(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    photos, failures = find_photos(["gone.png", "*.bmp", "a.png", "empty", "locked"], Path("out"))
    assert [photo.path.name for photo in photos] == ["a.png"]
    assert [failure.source for failure in failures] == ["gone.png", "*.bmp", "empty", "locked"]
    causes = ["gone.png does not exist", "*.bmp matches no image", "holds no image", "locked cannot be read"]
    for cause, failure in zip(causes, failures, strict=True):
        assert cause in failure.cause
    assert "--recursive" in failures[2].cause


def test_results_are_no_photos() -> None:
    touched("x/a.png", "x/out/a.png", "x/other/b.png")
    assert result("x", output="x/out", recursive=True) == ["x/a.png", "x/other/b.png"]
    _, failures = find_photos(["x"], Path("x/../x"))
    assert "x is OUT as well" in failures[0].cause
    assert result("x", output="x", overwrite=True) == ["x/a.png"]
    assert result("x/out/a.png", output="x/out") == ["x/out/a.png"]


def test_names_and_subfolders_are_kept() -> None:
    touched("x/a.png", "x/s/b.JPG", "c.webp")
    expected = {"x/a.png": "out/a.png", "x/s/b.JPG": "out/s/b.JPG", "c.webp": "out/c.webp"}
    assert planned("x", "c.webp", recursive=True) == expected


def test_formats_that_cannot_be_written_become_png() -> None:
    touched("a.gif", "b", "c.heic", "d.jfif")
    results = [*planned("a.gif", "b", "c.heic", "d.jfif").values()]
    assert results == ["out/a.png", "out/b.png", "out/c.png", "out/d.jfif"]
    assert planned("a.gif", suffix=".webp") == {"a.gif": "out/a.webp"}


def test_no_two_photos_share_a_result() -> None:
    touched("x/a.png", "y/a.png", "y/A.PNG", "z/a.jpg", "y/y_a.png")
    assert planned("x/a.png", "y/a.png") == {"x/a.png": "out/a.png", "y/a.png": "out/y_a.png"}
    several = planned("x", "y", "z", suffix=".png")
    assert len({target.lower() for target in several.values()}) == len(several) == 5
    assert several["x/a.png"] == "out/a.png"
    assert several["z/a.jpg"] == "out/a_jpg.png"
    assert several == planned("x", "y", "z", suffix=".png")


def test_comparisons_have_names_of_their_own() -> None:
    touched("x/a.png", "x/a_compare.png")
    photos, _ = find_photos(["x"], Path("out"))
    jobs = plan(photos, Path("out"), compare=True)
    files = [file for job in jobs for file in (job.target, job.compare)]
    assert files[:2] == [Path("out/a.png"), Path("out/a_compare.png")]
    assert len({*files}) == 4


def test_no_result_takes_the_place_of_another_photo() -> None:
    touched("x/a.jpg", "x/a.png", "x/b.jpg", "x/b_compare.jpg")
    assert planned("x", output="x", suffix=".png", compare=True) == {
        "x/a.jpg": "x/a_jpg.png",
        "x/a.png": "x/a.png",
        "x/b.jpg": "x/b.png",
        "x/b_compare.jpg": "x/b_compare_jpg.png",
    }


def test_one_photo_may_have_a_file_as_its_result() -> None:
    touched("a.png", "x/b.png")
    photos = [InputPhoto(Path("a.png"))]
    assert plan(photos, Path("new/b.webp"), compare=True) == [
        Job(Path("a.png"), Path("new/b.webp"), Path("new/b_compare.webp"))
    ]
    check_output(photos, Path("new/b.webp"), None)
    check_output(photos, Path("b.jpeg"), ".jpg")
    Path("folder.png").mkdir()
    assert plan(photos, Path("folder.png"))[0].target == Path("folder.png/a.png")
    check_output(photos, Path("folder.png"), ".jpg")
    with pytest.raises(DRBNError, match="--format jpg"):
        check_output(photos, Path("b.webp"), ".jpg")
    with pytest.raises(DRBNError, match=r"b\.gif"):
        check_output(photos, Path("b.gif"), None)
    with pytest.raises(DRBNError, match=r"a\.png"):
        check_output([*photos, *photos], Path("a.png"), None)
    with pytest.raises(DRBNError, match=r"b\.png"):
        check_output([InputPhoto(Path("x/b.png"), named=False)], Path("b.png"), None)
    touched("file")
    with pytest.raises(DRBNError, match="file names a file"):
        check_output(photos, Path("file"), None)


def test_what_exists_is_refused_unless_asked_for() -> None:
    touched("a.png", "out/a.png", "b.png", "out/b_compare.png")
    job = Job(Path("a.png"), Path("out/a.png"))
    reason = refusal(job, overwrite=False)
    assert reason is not None
    assert reason.cause == "a.png is left out: out/a.png exists already; give --overwrite to replace it"
    assert refusal(job, overwrite=True) is None
    assert refusal(Job(Path("b.png"), Path("out/b.png")), overwrite=False) is None
    assert refusal(Job(Path("b.png"), Path("out/b.png"), Path("out/b_compare.png")), overwrite=False) is not None


def test_a_photo_is_not_replaced_by_its_own_result_unasked() -> None:
    touched("a.png")
    os.link("a.png", "link.png")
    for target in ("a.png", "./a.png", "link.png"):
        reason = refusal(Job(Path("a.png"), Path(target)), overwrite=False)
        assert reason is not None
        assert "would be replaced by its own result" in reason.cause
    Path("out").mkdir()
    Path("out/a.png").symlink_to("gone")
    assert refusal(Job(Path("a.png"), Path("out/a.png")), overwrite=False) is not None


def test_what_looks_like_a_photo_and_is_left_out_is_named_once() -> None:
    touched("x/a.jpg", "x/1.NEF", "x/2.NEF", "x/s/3.nef", "x/b.jxl", "x/notes.txt")
    photos, failures = find_photos(["x", "x/*", "x"], Path("out"), recursive=True)
    assert [photo.path.as_posix() for photo in photos] == ["x/a.jpg"]
    assert [failure.files for failure in failures] == [3, 1]
    assert "3 x a camera's raw file: x/1.NEF, x/2.NEF, x/s/3.nef" in failures[0].cause
    assert "1 x a JPEG XL image: x/b.jxl" in failures[1].cause
    assert "holds no image" not in str(find_photos(["x/s"], Path("out"))[1])


def test_raw_files_count_where_they_are_named() -> None:
    touched("x/a.jpg", "x/1.NEF", "x/2.nef", "x/b.jxl")
    assert result("x/*.NEF", "x/2.nef") == ["x/1.NEF", "x/2.nef"]
    photos, failures = find_photos(["x/*", "x/1.NEF"], Path("out"))
    assert sorted(photo.path.as_posix() for photo in photos) == ["x/1.NEF", "x/a.jpg"]
    assert [failure.files for failure in failures] == [1, 1]
    assert planned("x/1.NEF") == {"x/1.NEF": "out/1.png"}


def test_a_phones_file_of_several_images_stays_a_jpeg_file() -> None:
    touched("x/thumb.MPO")
    assert planned("x") == {"x/thumb.MPO": "out/thumb.MPO"}


@pytest.mark.parametrize("letter", ["x", "ü"])
def test_no_name_is_too_long(letter: str) -> None:
    stems = [letter * (251 // len(letter.encode())) + end for end in ("", "")]
    touched(f"x/{stems[0]}.png", f"y/{stems[1]}.png", f"z/{stems[0]}.gif")
    photos, _ = find_photos(["x", "y", "z"], Path("out"))
    jobs = plan(photos, Path("out"), suffix=".jpeg", compare=True)
    files = [file for job in jobs for file in (job.target, job.compare) if file]
    assert len({file.name for file in files}) == 6
    assert max(len(os.fsencode(file.name)) for file in files) <= 255
    touched(*(str(file) for file in files))
    job = plan([InputPhoto(photos[0].path)], Path("out/" + "y" * 251 + ".png"), compare=True)[0]
    assert job.compare is not None
    assert (len(job.target.name), len(job.compare.name)) == (255, 255)
    assert job.compare.name.endswith("_compare.png")
