import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from drbn_lightning.tracking.loggers import finish_logger_runs


class Fake:
    """Stands for W&B with a run open."""

    def __init__(self, folder: Path, *, offline: bool) -> None:
        self.run = SimpleNamespace(offline=offline, settings=SimpleNamespace(sync_dir=str(folder)))
        self.codes: list[int] = []

    def finish(self, exit_code: int) -> None:
        self.codes.append(exit_code)


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    (tmp_path / "runs" / "one").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    logger = Fake(tmp_path / "runs" / "one", offline=True)
    monkeypatch.setitem(sys.modules, "wandb", logger)
    return logger


def test_an_offline_run_is_finished_and_says_how_to_send_it(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    finish_logger_runs(exit_code=1)
    assert fake.codes == [1]
    assert capsys.readouterr().out == "to send this run to W&B: wandb sync runs/one\n"


def test_from_elsewhere_the_folder_is_named_in_full(
    fake: Fake, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    finish_logger_runs()
    assert fake.codes == [0]
    assert str(tmp_path / "runs" / "one") in capsys.readouterr().out


def test_an_online_run_needs_no_command(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    fake.run.offline = False
    finish_logger_runs()
    assert fake.codes == [0]
    assert capsys.readouterr().out == ""


def test_a_run_without_wandb_does_not_import_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "wandb", raising=False)
    finish_logger_runs()
    assert "wandb" not in sys.modules
