import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from drbn_lightning.errors import DRBNError
from drbn_lightning.terminal import (
    REQUESTS_TO_END,
    THREADS_WAIT,
    WAITS_OTHERWISE,
    complain,
    exit_status,
    printable,
    say,
    settle,
    write_line,
)
from tests.processes import LIMIT, ended, wait_for
from tests.running import TINY, TINY_SCENES

SPEAKS = """
import sys
from drbn_lightning.terminal import complain, exit_status, say, settle
settle()
def task():
    for _ in range(3000):
        say("f\\xfcnf \\udcff")
        print("by print", file=sys.stdout)
        print("by print", file=sys.stderr)
    open("worked", "w").close()
status = exit_status(task)
sys.exit(status)
"""


def speaks(folder: str, shell: str, **variables: str) -> "subprocess.CompletedProcess[bytes]":
    """Run a program that says much, by a shell that does something to its output; `$PYTHON` runs it."""
    words = ["bash", "-o", "pipefail", "-c", shell.replace("$PYTHON", f'{sys.executable!r} -c "$PROGRAM"')]
    environment = {**os.environ, "PROGRAM": SPEAKS, **variables}
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, timeout=LIMIT, check=False)


def test_what_a_task_returns_is_the_exit_status() -> None:
    assert exit_status(lambda: None) == 0
    assert exit_status(lambda: 3) == 3


@pytest.mark.parametrize("wild", ["\x1b[2J", "\x07", "\r", "\x9b31m", "\u202e", "\x7f", "\x00"])
def test_names_cannot_command_the_terminal(capsys: pytest.CaptureFixture[str], wild: str) -> None:
    say(f"a{wild}b")
    complain(f"a{wild}b")
    before = warnings.formatwarning
    try:
        settle()
        said = [*capsys.readouterr(), warnings.formatwarning(f"a{wild}b", UserWarning, "file.py", 1)]
    finally:
        warnings.formatwarning = before
    assert not any(wild in text for text in said)
    assert all(f"a{ascii(wild)[1:-1]}b"[:4] in text for text in said)


def test_other_names_stay_as_they_are() -> None:
    assert printable("a\tb\nfünf 夜 👩‍🚀") == "a\tb\nfünf 夜 👩‍🚀"


def test_an_error_becomes_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def task() -> None:
        raise DRBNError("a.png is bad")

    assert exit_status(task) == 1
    assert capsys.readouterr().err == "error: a.png is bad\n"


def test_ctrl_c_says_how_far_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    done = []

    def task() -> None:
        done.append(1)
        raise KeyboardInterrupt

    assert exit_status(task, lambda: f"stopped after {len(done)}") == 130
    assert capsys.readouterr().err == "\nstopped after 1\n"


def test_other_errors_are_faults() -> None:
    with pytest.raises(ZeroDivisionError):
        exit_status(lambda: 1 // 0)


def test_what_is_said_is_logged(capsys: pytest.CaptureFixture[str], log: pytest.LogCaptureFixture) -> None:
    say("done")
    assert capsys.readouterr().out == "done\n"
    assert log.messages == ["done"]


def test_what_a_sweep_says_is_in_no_runs_log(capsys: pytest.CaptureFixture[str], log: pytest.LogCaptureFixture) -> None:
    write_line("best trial: 0")
    assert capsys.readouterr().out == "best trial: 0\n"
    assert log.records == []


@pytest.mark.parametrize(
    "shell",
    [
        "$PYTHON | true",
        "$PYTHON | head -1",
        "$PYTHON 2>&1 | true",
        "$PYTHON >&-",
        "$PYTHON >&- 2>&- <&-",
        "$PYTHON 2>&-",
        "exec 3</dev/null; $PYTHON >&3",
    ],
)
def test_a_task_ends_well_whoever_listens(tmp_path: Path, shell: str) -> None:
    done = speaks(str(tmp_path), shell)
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr
    assert b"Error" not in done.stderr
    assert (tmp_path / "worked").exists()
    assert {path.name for path in tmp_path.iterdir()} == {"worked"}


@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "ascii:strict"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
)
def test_what_an_encoding_does_not_know_is_escaped(tmp_path: Path, variables: dict[str, str]) -> None:
    done = speaks(str(tmp_path), "$PYTHON", **variables)
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False)
    assert done.stdout.startswith(b"f\\xfcnf \\udcff\n")


def test_letters_stay_where_the_encoding_knows_them(tmp_path: Path) -> None:
    done = speaks(str(tmp_path), "$PYTHON", PYTHONIOENCODING="utf-8")
    assert done.stdout.startswith("fünf \\udcff\n".encode())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="has no /dev/full")
def test_lost_output_is_said_once_the_work_is_done(tmp_path: Path) -> None:
    done = speaks(str(tmp_path), "$PYTHON > /dev/full")
    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[-1].endswith("standard output cannot be written: No space left on device")
    assert b"Traceback" not in done.stderr
    assert (tmp_path / "worked").exists()


@pytest.mark.parametrize("number", REQUESTS_TO_END)
def test_a_request_to_end_is_an_interruption(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.signal(number, signal.SIG_DFL)
    try:
        assert exit_status(lambda: os.kill(os.getpid(), number)) == 130
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, before)
    assert capsys.readouterr().err == "\ninterrupted\n"


def test_a_lost_terminal_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        assert exit_status(lambda: os.kill(os.getpid(), signal.SIGHUP)) == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def without_settings() -> dict[str, str]:
    """An environment in which nobody says how threads wait, and OpenMP says what it does."""
    environment = {name: value for name, value in os.environ.items() if name not in WAITS_OTHERWISE}
    return environment | {"OMP_DISPLAY_ENV": "verbose", "OMP_NUM_THREADS": "1"}


def loaded_with(*words: str, **variables: str) -> list[str]:
    """What OpenMP says of its waiting, once for each process that loads it, while a command of ours fails early."""
    command = [sys.executable, "-m", *words]
    done = subprocess.run(command, env=without_settings() | variables, capture_output=True, text=True, timeout=LIMIT)
    lines = [line.strip() for line in done.stderr.splitlines()]
    return [line.replace("'", "") for line in lines if line.startswith(("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"))]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="asks GNU's OpenMP")
def test_threads_spin_shortly_in_what_loads_torch(tmp_path: Path) -> None:
    taken = tmp_path / "taken.onnx"
    taken.touch()
    ours = ["OMP_WAIT_POLICY = PASSIVE", "GOMP_SPINCOUNT = 1000"]
    assert loaded_with("drbn_lightning.export", "-o", str(taken)) == ours
    # the user's own settings win, whichever of them are there
    own = loaded_with("drbn_lightning.export", "-o", str(taken), GOMP_SPINCOUNT="7")
    assert own[-1] == "GOMP_SPINCOUNT = 7"
    own = loaded_with("drbn_lightning.export", "-o", str(taken), OMP_WAIT_POLICY="active")
    assert own[0] == "OMP_WAIT_POLICY = ACTIVE"
    assert own[1] != ours[1]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="asks GNU's OpenMP")
def test_threads_spin_shortly_in_the_jobs_of_a_sweep(tmp_path: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    sweep = ["-m", "stage=band", "seed=0,1", "hydra/launcher=parallel", f"resume={tmp_path / 'none.ckpt'}"]
    said = loaded_with("drbn_lightning.train", *sweep, "hydra.launcher.n_jobs=2", f"hydra.sweep.dir={tmp_path}")
    assert said.count("GOMP_SPINCOUNT = 1000") >= 2
    assert {line for line in said if "SPIN" in line} == {"GOMP_SPINCOUNT = 1000"}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="asks GNU's OpenMP")
def test_threads_spin_shortly_in_every_process_of_a_group(tmp_path: Path) -> None:
    group = [*TINY, *TINY_SCENES, "trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2", "trainer.max_steps=1"]
    command = [sys.executable, "-m", "drbn_lightning.train", "stage=band", *group, f"hydra.run.dir={tmp_path / 'run'}"]
    said = tmp_path / "said"
    with (
        said.open("w") as file,
        subprocess.Popen(command, env=without_settings(), stderr=file, start_new_session=True) as process,
        ended(process),
    ):
        wait_for(lambda: said.read_text().count("GOMP_SPINCOUNT = '1000'") == 2, process)


@pytest.mark.parametrize("own", [None, *WAITS_OTHERWISE])
def test_the_users_own_way_of_waiting_wins(monkeypatch: pytest.MonkeyPatch, own: str | None) -> None:
    for name in WAITS_OTHERWISE:
        monkeypatch.setenv(name, "")  # put back afterwards, whatever is set here
        monkeypatch.delenv(name)
    if own is not None:
        monkeypatch.setenv(own, "5")
    settle()
    there = {name: os.environ[name] for name in WAITS_OTHERWISE if name in os.environ}
    assert there == (THREADS_WAIT if own is None else {own: "5"})
