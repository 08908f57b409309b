from pathlib import Path

import pytest

from drbn_lightning.checkpoints.enhancement_model import load_model
from drbn_lightning.inference.runtimes import kept
from drbn_lightning.inference.runtimes.export import export_path
from drbn_lightning.inference.runtimes.kept import cache_folders, kept_export
from tests.running import published

VARIABLES = ("DRBN_CACHE", "XDG_CACHE_HOME")


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    kept._own_folder.cache_clear()


def homeless() -> Path:
    raise RuntimeError("Could not determine home directory.")


def test_exports_are_kept_where_the_user_keeps_caches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert list(cache_folders()) == [Path.home() / ".cache" / "drbn_lightning"]
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert next(cache_folders()) == tmp_path / "drbn_lightning"
    monkeypatch.setenv("DRBN_CACHE", str(tmp_path / "own"))
    assert next(cache_folders()) == tmp_path / "own"
    for name in VARIABLES:
        monkeypatch.delenv(name)
    monkeypatch.setattr(Path, "home", homeless)
    assert list(cache_folders()) == []


@pytest.mark.parametrize("place", [None, "/proc/nowhere", "a file"])
def test_without_a_place_an_export_lives_as_long_as_the_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, place: str | None
) -> None:
    made = list[Path]()

    def cached(_: object, folder: Path) -> Path:
        made.append(folder)
        return folder / "network.onnx"

    monkeypatch.setattr(kept, "cached_export", cached)
    (tmp_path / "a file").touch()
    if place is None:
        monkeypatch.setattr(Path, "home", homeless)
    else:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / place))
    model = load_model(published(tmp_path / "artifacts") / "band.pt", None)
    assert kept_export(model).parent == kept_export(model).parent == made[0]
    assert list(made[0].iterdir()) == []
    note = capsys.readouterr().err
    assert "DRBN_CACHE=PATH" in note
    assert note.count("\n") == 1
    assert place is None or place in note
    made[0].rmdir()


def test_an_export_that_is_there_needs_no_writing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DRBN_CACHE", str(tmp_path))
    monkeypatch.setattr(kept, "_writable", lambda _: False)
    model = load_model(published(tmp_path / "artifacts") / "band.pt", None)
    export_path(model, tmp_path).touch()
    assert kept_export(model) == export_path(model, tmp_path)
