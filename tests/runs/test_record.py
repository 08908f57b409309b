import json
from pathlib import Path
from typing import Any

import pytest

from drbn_lightning.errors import DRBNError, QueuedAgainError, RunInterruptedError
from drbn_lightning.runs.record import finished_before, read_record, recorded

ABOUT: dict[str, Any] = {"stage": "band", "overrides": ["seed=1"], "config": "seed: 1\n"}


def ended(folder: Path, error: BaseException | None = None) -> dict[str, Any]:
    """The record of a run that ends so."""
    try:
        with recorded(folder, ABOUT) as record:
            inside = read_record(folder)
            assert inside is not None
            assert inside["status"] == "running"
            record["best"] = 3.5
            if error is not None:
                raise error
    except BaseException as found:
        assert found is error  # noqa: PT017 any kind of it
    after = read_record(folder)
    assert after is not None
    return after


def test_a_run_that_ends_well(tmp_path: Path) -> None:
    record = ended(tmp_path / "run")
    assert (record["status"], record["reason"], record["best"]) == ("finished", None, 3.5)
    assert record["seconds"] >= 0
    assert (tmp_path / "run" / "config.yaml").read_text() == "seed: 1\n"
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"run.json", "config.yaml"}


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (DRBNError("data.root is not set"), "failed", "data.root is not set"),
        (RuntimeError("out of\n  memory"), "failed", "RuntimeError: out of memory"),
        (RunInterruptedError("stopped as asked"), "interrupted", "stopped as asked"),
        (KeyboardInterrupt(), "interrupted", "KeyboardInterrupt: "),
        (SystemExit(1), "failed", "SystemExit: 1"),
        (QueuedAgainError(144), "interrupted", "QueuedAgainError: 144"),
    ],
)
def test_a_run_that_ends_otherwise(tmp_path: Path, error: BaseException, status: str, reason: str) -> None:
    record = ended(tmp_path, error)
    assert (record["status"], record["reason"]) == (status, reason)


def test_other_processes_of_a_group_write_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    with recorded(tmp_path, ABOUT):
        pass
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv("LOCAL_RANK", "0")
    assert ended(tmp_path)["status"] == "finished"


def test_a_folder_without_a_run_has_no_record(tmp_path: Path) -> None:
    assert read_record(tmp_path) is None
    assert finished_before(tmp_path, []) is None


@pytest.mark.parametrize("text", ["{", "[]", "{}", "\x00"])
def test_a_damaged_record_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(DRBNError, match=r"run\.json"):
        read_record(tmp_path)


def test_only_the_same_run_counts_as_finished(tmp_path: Path) -> None:
    ended(tmp_path)
    before = finished_before(tmp_path, ["seed=1"])
    assert before is not None
    assert before["best"] == 3.5
    with pytest.raises(DRBNError, match=r"resume=auto: .*\(seed=1\)"):
        finished_before(tmp_path, ["seed=2"])
    content = json.loads((tmp_path / "run.json").read_text()) | {"status": "failed"}
    (tmp_path / "run.json").write_text(json.dumps(content))
    assert finished_before(tmp_path, ["seed=1"]) is None


@pytest.mark.parametrize("word", ["trainer.devices=2", "trainer.strategy=ddp", "data.num_workers=0"])
def test_a_run_goes_on_with_other_processes(tmp_path: Path, word: str) -> None:
    ended(tmp_path)
    assert finished_before(tmp_path, ["seed=1", word]) is None
