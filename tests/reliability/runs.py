"""Tiny trainings of every stage for the tests of reliability, and what must be left of them."""

import json
from pathlib import Path
from typing import Any

from torch import Tensor

from drbn_lightning.checkpoints.artifact import read
from drbn_lightning.files import TEMPORARY_SUFFIX
from tests.reliability.commands import run
from tests.running import TINY, TINY_NETWORKS, TINY_PHOTOS, TINY_SCENES, equal

STAGES = {
    "band": ("stage=band",),
    "quality": ("stage=quality",),
    "joint": ("stage=recompose", "adversary=joint", "adversary.learning_rate=0.01"),
    "scratch": ("stage=recompose", "adversary=scratch", "discriminator.base_channels=2"),
}
_NETWORKS = {"stage=band": (), "stage=quality": TINY_NETWORKS[:1], "stage=recompose": TINY_NETWORKS[1:]}


def words(artifacts: Path, folder: Path, stage: str, *more: str, workers: int = 0, minutes: int = 5) -> list[str]:
    """The command line of a run of two epochs of four steps, which goes on with what is there.

    Args:
        artifacts: where networks of earlier stages lie.
        folder: where it writes.
        stage: one of `STAGES`.
        more: further words.
        workers: processes that load data.
        minutes: longest time between two checkpoints.
    """
    loading = (f"data.num_workers={workers}", f"unpaired.num_workers={workers}")
    small = (*TINY, *TINY_SCENES, *TINY_PHOTOS, *_NETWORKS[STAGES[stage][0]])
    small += ("network.recursions=1", "unpaired.validation_photos=2", "unpaired.real_low_validation_photos=1")
    paths = (f"paths.artifacts={folder / 'artifacts'}", f"hydra.run.dir={folder / 'run'}")
    used = {"band": [], "joint": ["band", "quality"]}.get(stage, ["band"])
    uses = [f"uses.{name}={artifacts / name}.pt" for name in used]
    often = (f"callbacks.last.minutes={minutes}", "trainer.max_epochs=2", "trainer.log_every_n_steps=2", "resume=auto")
    return [*STAGES[stage], *small, *loading, *paths, *uses, *often, *more]


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


def goes_on(command: list[str], folder: Path, undisturbed: Path | None = None) -> bool:
    """Whether a training that was cut short ends well when its command is given again.

    Args:
        command: see `words`.
        folder: where it runs.
        undisturbed: the folder of a run that it must end as, in every bit.
    """
    ended = run(folder, command)
    assert ended.status == 0, ended.said
    assert "Traceback" not in ended.said
    (own,) = [word.removeprefix("hydra.run.dir=") for word in command if word.startswith("hydra.run.dir=")]
    return undisturbed is None or same_end(Path(own), undisturbed)
