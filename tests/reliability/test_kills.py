"""Runs that are killed at random moments, in all stages, and go on to the bits of a run that nobody disturbed."""

import json
from collections.abc import Callable
from itertools import product
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest
from torch import Tensor

from drbn_lightning.checkpoints.artifact import read
from drbn_lightning.files import TEMPORARY_SUFFIX
from tests.reliability.commands import run
from tests.reliability.counts import COUNTS
from tests.reliability.moments import HOOKS, MOMENTS, Census, Kill, counted
from tests.running import TINY, TINY_NETWORKS, TINY_PHOTOS, TINY_SCENES, equal, published

STAGES = {
    "band": ("stage=band",),
    "quality": ("stage=quality",),
    "joint": ("stage=recompose", "adversary=joint", "adversary.learning_rate=0.01"),
    "scratch": ("stage=recompose", "adversary=scratch", "discriminator.base_channels=2"),
}
AVERAGES = {"average": (), "no average": ("callbacks.ema=null",)}
WORKERS = (0, 2)
KINDS = list(product(STAGES, AVERAGES, WORKERS))
Random(0).shuffle(KINDS)  # so that a sample has some of everything


class Undisturbed(NamedTuple):
    """A run that nobody disturbed: its folder, and how many moments of each kind it had."""

    folder: Path
    moments: dict[str, int]


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published(tmp_path_factory.mktemp("published"))


def words(artifacts: Path, folder: Path, stage: str, average: str, number_of_workers: int, minutes: int) -> list[str]:
    """The command line of a run of two epochs of four steps."""
    workers = (f"data.num_workers={number_of_workers}", f"unpaired.num_workers={number_of_workers}")
    small = (*TINY, *TINY_SCENES, *TINY_PHOTOS, *(TINY_NETWORKS[1:] if "recompose" in STAGES[stage][0] else ()))
    small += TINY_NETWORKS[:1] if stage == "quality" else ()
    paths = (f"paths.artifacts={folder / 'artifacts'}", f"hydra.run.dir={folder / 'run'}")
    used = {"band": (), "joint": ("band", "quality")}.get(stage, ("band",))
    uses = [f"uses.{name}={artifacts / name}.pt" for name in used]
    often = (f"callbacks.last.minutes={minutes}", "trainer.max_epochs=2", "trainer.log_every_n_steps=2", "resume=auto")
    return [*STAGES[stage], *AVERAGES[average], *small, *workers, *paths, *uses, *often]


Whole = Callable[[str, str], Undisturbed]


@pytest.fixture(scope="module")
def whole(artifacts: Path, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """Makes the undisturbed run of a stage, once; its samples are loaded in the process itself."""
    made = dict[tuple[str, str], Undisturbed]()

    def undisturbed(stage: str, average: str) -> Undisturbed:
        if (stage, average) not in made:
            folder = tmp_path_factory.mktemp(stage)
            ended = run(folder, words(artifacts, folder, stage, average, 0, 0), Census(folder / "moments"))
            assert ended.status == 0, ended.said
            made[stage, average] = Undisturbed(folder / "run", counted(folder / "moments"))
        return made[stage, average]

    return undisturbed


def learned(folder: Path) -> dict[str, Tensor]:
    """All tensors of a run's artifact and checkpoints: networks, moving averages, moments of the optimizer."""
    found = dict[str, Tensor]()

    def collect(name: str, part: Any) -> None:  # noqa: ANN401 whatever a checkpoint holds
        if isinstance(part, Tensor):
            found[name] = part
        elif isinstance(part, dict | list | tuple):
            for key, value in part.items() if isinstance(part, dict) else enumerate(part):
                collect(f"{name}.{key}", value)

    for file in networks(folder):
        content = read(file)
        for key in ("state_dict", "current_model_state", "averaging_state", "optimizer_states"):
            collect(f"{file.name} {key}", content.get(key))
    return found


def networks(folder: Path) -> list[Path]:
    """Checkpoints and artifacts in a folder."""
    return sorted(file for pattern in ("*.ckpt", "*.pt") for file in folder.rglob(pattern))


def leftovers(folder: Path) -> list[Path]:
    """Files that were begun and not finished."""
    return list(folder.rglob(f"*{TEMPORARY_SUFFIX}"))


def is_whole(folder: Path) -> bool:
    """Whether everything that a killed run has left can be read."""
    for file in networks(folder):
        read(file)
    for file in folder.rglob("run.json"):
        json.loads(file.read_text())
    return True


def same_end(folder: Path, undisturbed: Path) -> bool:
    """Whether a run ended as another one did, in every bit."""
    first, second = (json.loads((one / "run.json").read_text()) for one in (folder, undisturbed))
    kept = ("status", "best", "steps", "parameters")
    assert {name: first[name] for name in kept} == {name: second[name] for name in kept}
    tensors = learned(undisturbed)
    assert len(tensors) > 50
    return equal(learned(folder), tensors)


def moment_of(random: Random, moments: dict[str, int], *, early: bool) -> Kill:
    """A moment of a run, at random; an early one lets it be killed again."""
    moment = random.choice(list(HOOKS) if early else MOMENTS)
    count = moments[moment] // 2 if early else moments[moment]
    return Kill(moment, random.randrange(count), whole_session=random.random() < 0.5)


@pytest.mark.reliability
@pytest.mark.parametrize("number", range(COUNTS.killed_runs))
def test_a_killed_run_goes_on_to_the_same_bits(artifacts: Path, whole: Whole, tmp_path: Path, number: int) -> None:
    random, twice = Random(number), number % 3 == 2
    stage, average, workers = KINDS[number % len(KINDS)]
    undisturbed = whole(stage, average)
    command = words(artifacts, tmp_path, stage, average, workers, minutes=5 * (number % 2))
    killed = run(tmp_path, command, moment_of(random, undisturbed.moments, early=twice))
    assert killed.status == -9, killed.said
    assert is_whole(tmp_path)
    if twice:
        again = run(tmp_path, command, Kill("before a step", random.randrange(3)))
        assert again.status == -9, again.said
        assert is_whole(tmp_path)
    ended = run(tmp_path, command)
    assert ended.status == 0, ended.said
    assert same_end(tmp_path / "run", undisturbed.folder)
    assert leftovers(tmp_path) == []
    assert "Traceback" not in killed.said + ended.said
