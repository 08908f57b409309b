"""The fuzzing itself: a crash, a hang and an exception in the child are seen, and the next question is answered."""

import os
import signal

import pytest

from drbn_lightning.errors import DRBNError
from tests.reliability.forked import Forked

pytestmark = pytest.mark.reliability


def task(what: str) -> tuple[str, ...]:
    if what == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    while what == "hang":
        pass
    if what == "memory":
        bytearray(1 << 31)
    if what == "refuse":
        raise DRBNError("no")
    return "read", str(1 / int(what))


def test_what_happens_to_a_child_is_seen() -> None:
    with Forked(task, deadline=1, memory=1 << 30) as child:
        for what, ending in (
            ("crash", "crash"), ("2", "read"), ("hang", "hang"), ("refuse", "refused"), ("0", "fault"),
            ("memory", "fault"),
        ):  # fmt: skip
            assert child(what)[0] == ending
        assert child("crash") == ("crash", -signal.SIGSEGV)
        assert "ZeroDivisionError" in child("0")[1]
