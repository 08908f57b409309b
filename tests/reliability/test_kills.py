"""Runs that are killed or asked to stop at random moments go on to the bits of a run that nobody disturbed."""

import json
import signal
from collections.abc import Callable
from itertools import product
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from drbn_lightning.checkpoints.artifact import read
from tests.reliability.commands import run
from tests.reliability.counts import COUNTS
from tests.reliability.moments import HOOKS, MOMENTS, Census, Kill, counted
from tests.reliability.runs import STAGES, goes_on, is_whole, leftovers, words

AVERAGES = {"average": (), "no average": ("callbacks.ema=null",)}
WORKERS = (0, 2)
KINDS = list(product(STAGES, AVERAGES, WORKERS))
Random(0).shuffle(KINDS)  # so that a sample has some of everything


class Undisturbed(NamedTuple):
    """A run that nobody disturbed: its folder, and how many moments of each kind it had."""

    folder: Path
    moments: dict[str, int]


Whole = Callable[[str, str, int], Undisturbed]


@pytest.fixture(scope="module")
def whole(artifacts: Path, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """Makes the undisturbed run of a stage, once; its samples are loaded in the process itself."""
    made = dict[tuple[str, str, int], Undisturbed]()

    def undisturbed(stage: str, average: str, minutes: int) -> Undisturbed:
        if (stage, average, minutes) not in made:
            folder = tmp_path_factory.mktemp(stage)
            command = words(artifacts, folder, stage, *AVERAGES[average], minutes=minutes)
            ended = run(folder, command, Census(folder / "moments"))
            assert ended.status == 0, ended.said
            made[stage, average, minutes] = Undisturbed(folder / "run", counted(folder / "moments"))
        return made[stage, average, minutes]

    return undisturbed


def moment_of(random: Random, moments: dict[str, int], *, early: bool) -> Kill:
    """A moment of a run, at random; an early one lets it be killed again."""
    moment = random.choice(list(HOOKS) if early else MOMENTS)
    count = moments[moment] // 2 if early else moments[moment]
    return Kill(moment, random.randrange(count), whole_session=random.random() < 0.5)


@pytest.mark.reliability
@pytest.mark.parametrize("number", range(COUNTS.killed_runs))
def test_a_killed_run_goes_on_to_the_same_bits(artifacts: Path, whole: Whole, tmp_path: Path, number: int) -> None:
    random, twice = Random(number), number % 3 == 2
    stage, average, workers = KINDS[number * len(KINDS) // COUNTS.killed_runs]
    minutes = 5 * (number % 2)
    undisturbed = whole(stage, average, minutes)
    command = words(artifacts, tmp_path, stage, *AVERAGES[average], workers=workers, minutes=minutes)
    killed = run(tmp_path, command, moment_of(random, undisturbed.moments, early=twice))
    assert killed.status == -9, killed.said
    assert is_whole(tmp_path)
    if twice:
        again = run(tmp_path, command, Kill("before a step", random.randrange(3)))
        assert again.status == -9, again.said
        assert is_whole(tmp_path)
    assert "Traceback" not in killed.said
    assert goes_on(command, tmp_path, undisturbed.folder)
    assert leftovers(tmp_path) == []


REQUESTS = list(product((signal.SIGTERM, signal.SIGINT, signal.SIGHUP), WORKERS, STAGES, AVERAGES))


@pytest.mark.reliability
@pytest.mark.parametrize("number", range(COUNTS.requests))
def test_a_run_that_is_asked_to_stop_saves_first(artifacts: Path, whole: Whole, tmp_path: Path, number: int) -> None:
    random = Random(number)
    request, workers, stage, average = REQUESTS[number * len(REQUESTS) // COUNTS.requests]
    undisturbed = whole(stage, average, 5)
    command = words(artifacts, tmp_path, stage, *AVERAGES[average], workers=workers)
    steps = random.randrange(undisturbed.moments["before a step"])
    asked = run(tmp_path, command, Kill("before a step", steps, request, whole_session=True))
    assert asked.status == 130, asked.said
    assert asked.said.count("stopping after this step") == 1
    assert f"resume={tmp_path / 'run'}" in asked.said
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "interrupted"
    assert read(tmp_path / "run" / "checkpoints" / "last.ckpt")["global_step"] == steps + 1
    assert leftovers(tmp_path) == []
    assert "Traceback" not in asked.said
    assert goes_on(command, tmp_path, undisturbed.folder)
