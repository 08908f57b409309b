from contextlib import ExitStack
from pathlib import Path

import pytest

from drbn_lightning.runs.gpus import device_names, held_devices


@pytest.fixture(autouse=True)
def _no_choice_of_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_each_job_holds_a_device_of_its_own(tmp_path: Path) -> None:
    with held_devices(1, 2, job=5, folder=tmp_path) as first:
        with held_devices(1, 2, job=9, folder=tmp_path) as second:
            assert (first, second) == ([0], [1])
            with held_devices(1, 2, job=3, folder=tmp_path) as third:
                assert third == [1]  # none is free: by its number
        with held_devices(1, 2, job=0, folder=tmp_path) as fourth:
            assert fourth == [1]  # given back
    with held_devices(1, 2, job=1, folder=tmp_path) as again:
        assert again == [0]


def test_jobs_of_several_devices(tmp_path: Path) -> None:
    with ExitStack() as stack:
        held = [stack.enter_context(held_devices(2, 5, job, tmp_path)) for job in range(3)]
    assert held == [[0, 1], [2, 3], [4, 0]]
    with held_devices(1, 5, 0, tmp_path) as free:
        assert free == [0]


def test_a_device_is_the_same_whatever_it_is_called(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    assert device_names(2) == ["2", "3"]
    with held_devices(1, 2, 0, tmp_path) as first:
        assert first == [0]
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,2")
        with held_devices(1, 2, 1, tmp_path) as second:
            assert second == [0]  # the machine's number 3
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a/b")
    assert device_names(1) == ["GPU-a_b"]
