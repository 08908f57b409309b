import errno
import fcntl
import multiprocessing
import os
import signal
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from drbn_lightning.errors import DRBNError
from drbn_lightning.runs.claims import claimed, held, is_held, process_group

HOLDS = "import sys; from pathlib import Path; from drbn_lightning.runs.claims import held\n"
HOLDS += "with held(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
HOLDS_AND_FORKS = HOLDS.replace("print(", "import os, time; os.fork() or time.sleep(1000); print(")


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID", "SLURM_JOB_ID", "TORCHELASTIC_RUN_ID", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)


def test_those_who_claim_at_once_get_folders_of_their_own(tmp_path: Path) -> None:
    with ProcessPoolExecutor(8, multiprocessing.get_context("fork")) as pool:
        folders = list(pool.map(claimed, [tmp_path / "runs" / "now"] * 40))
    assert set(folders) == {tmp_path / "runs" / name for name in ["now", *(f"now_{n}" for n in range(2, 41))]}
    assert {path.name for path in (tmp_path / "runs").iterdir()} == {path.name for path in folders}


def test_what_is_there_already_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "result").write_text("mine")
    assert claimed(tmp_path / "file") == tmp_path / "file_2"
    assert claimed(tmp_path / "folder") == tmp_path / "folder_2"
    assert (tmp_path / "file").read_text() == (tmp_path / "folder" / "result").read_text() == "mine"


def test_the_processes_of_one_run_share_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert process_group() == ""
    groups = []
    for rank, port in (("0", "1"), ("1", "1"), ("0", "2")):
        monkeypatch.setenv("RANK", rank)
        monkeypatch.setenv("MASTER_PORT", port)
        groups.append(process_group())
    assert [claimed(tmp_path / "now", group).name for group in groups] == ["now", "now", "now_2"]
    assert claimed(tmp_path / "now").name == "now_3"


def test_a_claim_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        claimed(tmp_path / "file" / "now")


def holder(folder: Path, program: str = HOLDS) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_whether_another_process_holds_a_folder_can_be_asked(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert is_held(folder)  # perhaps of another machine
    folder.mkdir()
    assert not is_held(folder)
    with holder(folder) as process:
        assert is_held(folder)
        with pytest.raises(DRBNError, match="run"), held(folder):  # asking took nothing from the one that holds it
            pass
        process.kill()
        process.wait()
        assert not is_held(folder)
    with held(folder):
        pass


@pytest.mark.parametrize("program", [HOLDS, HOLDS_AND_FORKS], ids=["alone", "with a child that lives on"])
def test_a_folder_is_one_runs_at_a_time_and_may_be_used_again(tmp_path: Path, program: str) -> None:
    folder = tmp_path / "run"
    with holder(folder, program) as process:
        with pytest.raises(DRBNError, match=rf"{folder} .*hydra\.run\.dir"), held(folder):
            pass
        process.kill()
        process.wait()
        with held(folder):
            pass
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    with held(folder), held(tmp_path / "other"):
        pass


def test_the_other_processes_of_a_run_hold_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    with held(tmp_path / "run"):
        assert not (tmp_path / "run").exists()


def test_file_systems_without_locks_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(number: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "lockf", lambda *_: refuse(errno.ENOLCK))
    with held(tmp_path):
        pass
    monkeypatch.setattr(fcntl, "lockf", lambda *_: refuse(errno.EIO))
    with pytest.raises(OSError, match="error"), held(tmp_path):
        pass
    assert is_held(tmp_path)  # nobody can tell
