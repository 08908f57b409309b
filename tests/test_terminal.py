import pytest

from drbn_lightning.errors import DRBNError
from drbn_lightning.terminal import exit_status, say


def test_what_a_task_returns_is_the_exit_status() -> None:
    assert exit_status(lambda: None) == 0
    assert exit_status(lambda: 3) == 3


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
