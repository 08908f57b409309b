"""What a user sees who makes a mistake: one message that names the file or key, a non-zero exit, no traceback."""

import csv
import itertools
import json
import math
import os
import pty
import select
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
from hydra.core.override_parser.overrides_parser import OverridesParser

from drbn_lightning import evaluate, train
from drbn_lightning.checkpoints.artifact import HEADER
from drbn_lightning.errors import DRBNError
from drbn_lightning.images.rgb import write_png
from drbn_lightning.overrides import misread
from drbn_lightning.tasks import train as training
from tests.processes import HEARING, LIMIT, ended, wait_for
from tests.running import (
    TINY,
    TINY_NETWORKS,
    TINY_PHOTOS,
    TINY_SCENES,
    composed,
    equal,
    published,
    tiny,
    weights,
)

Run = Callable[..., str]


@pytest.fixture
def failing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs an entry point in this process, expects it to fail, and returns what it says on standard error."""

    def run(*words: str, entry: Callable[[], object] = train.main) -> str:
        monkeypatch.chdir(tmp_path)
        paths = (f"hydra.run.dir={tmp_path / 'run'}", f"paths.cache={tmp_path / 'cache'}")
        monkeypatch.setattr(sys, "argv", ["drbn", *paths, *words])
        with pytest.raises(SystemExit) as failure:
            entry()
        assert failure.value.code not in (0, None)
        message = capfd.readouterr().err
        assert "Traceback" not in message
        return message

    return run


def lol(root: Path, train_pairs: int = 3, test_pairs: int = 1, size: int = 24) -> Path:
    """A LOL-v1 of noise."""
    rng = np.random.default_rng(0)
    for split, count in (("our485", train_pairs), ("eval15", test_pairs)):
        for number in range(count):
            image = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
            for side, factor in (("low", 8), ("high", 1)):
                (root / split / side).mkdir(parents=True, exist_ok=True)
                write_png(root / split / side / f"{number}.png", image // factor)
    return root


def on_lol(root: Path) -> list[str]:
    return ["stage=band", "data=lol_v1", f"data.root={root}", "data.crop_size=16", "data.validation_pairs=1", *TINY]


def test_ctrl_c_while_other_processes_work_is_one_message(failing: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hydra._internal.hydra.Hydra.multirun", interrupted)
    assert "resume=auto completes it" in failing("stage=band", "seed=0,1", "-m")


def test_missing_root(failing: Run, tmp_path: Path) -> None:
    message = failing("stage=band", "data=lol_v1", f"data.root={tmp_path / 'nowhere'}")
    assert str(tmp_path / "nowhere") in message
    assert "data.root" in message


def test_root_not_set(failing: Run) -> None:
    assert "data.root=PATH" in failing("stage=band", "data=lol_v1")


def test_root_without_the_data_set(failing: Run, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    assert "our485" in failing("stage=band", "data=lol_v1", f"data.root={tmp_path}")


def test_empty_folder(failing: Run, tmp_path: Path) -> None:
    root = lol(tmp_path / "lol")
    for file in (root / "our485" / "low").iterdir():
        file.unlink()
    assert str(root / "our485" / "low") in failing(*on_lol(root))


def test_empty_folder_of_photos(failing: Run, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    assert str(tmp_path / "photos") in failing("stage=band", "data=photos", f"data.root={tmp_path / 'photos'}")


def test_unpaired_name(failing: Run, tmp_path: Path) -> None:
    root = lol(tmp_path / "lol")
    (root / "our485" / "high" / "1.png").unlink()
    assert str(root / "our485" / "low" / "1.png") in failing(*on_lol(root))


def test_size_mismatch(failing: Run, tmp_path: Path) -> None:
    root = lol(tmp_path / "lol")
    write_png(root / "our485" / "high" / "1.png", np.zeros((30, 24, 3), np.uint8))
    message = failing(*on_lol(root))
    assert str(root / "our485" / "high" / "1.png") in message
    assert "24x30" in message


def test_corrupt_image(failing: Run, tmp_path: Path) -> None:
    root = lol(tmp_path / "lol")
    file = root / "our485" / "low" / "2.png"
    file.write_bytes(file.read_bytes()[:200])
    assert str(file) in failing(*on_lol(root))


def test_crop_larger_than_an_image(failing: Run, tmp_path: Path) -> None:
    message = failing(*on_lol(lol(tmp_path / "lol")), "data.crop_size=64")
    assert "data.crop_size" in message


def test_unknown_key(failing: Run) -> None:
    assert "data.rooot" in failing("stage=band", "data.rooot=x")


def test_unknown_key_added_by_force(failing: Run) -> None:
    assert "colour" in failing("stage=band", "+network.colour=blue")


def test_unknown_choice(failing: Run) -> None:
    message = failing("stage=band", "data=lol_v3")
    assert "data/lol_v3" in message
    assert "lol_v1" in message


@pytest.mark.parametrize(
    ("word", "key"),
    [
        ("network.recursions=0", "recursions"),
        ("network.first_guess=zero", "first_guess"),
        ("stage.loss.downsampling=cubic", "downsampling"),
        ("data.batch_size=0", "data.batch_size"),
        ("data.crop_size=500", "data.crop_size"),
        ("trainer.precision=7", "trainer"),
        ("trainer.max_epochs=many", "trainer"),
    ],
)
def test_wrong_value(failing: Run, word: str, key: str) -> None:
    assert key in failing("stage=band", *TINY, word)


def checkpoint_of(stage: str, path: Path) -> Path:
    header = {"format": 1, "stage": stage, "network": {}, "provenance": {}, "trained_on": []}
    torch.save({HEADER: header, "state_dict": {}}, path)
    return path


def test_resume_from_another_stage(failing: Run, tmp_path: Path) -> None:
    path = checkpoint_of("quality", tmp_path / "last.ckpt")
    message = failing("stage=band", f"resume={path}")
    assert str(path) in message
    assert "stage=quality" in message


def test_resume_from_nothing(failing: Run, tmp_path: Path) -> None:
    assert str(tmp_path / "gone.ckpt") in failing("stage=band", f"resume={tmp_path / 'gone.ckpt'}")


def test_unreadable_checkpoint(failing: Run, tmp_path: Path) -> None:
    path = tmp_path / "broken.pt"
    path.write_bytes(b"PK\x03\x04 this is no checkpoint")
    assert str(path) in failing(f"checkpoint={path}", entry=evaluate.main)
    path = path.rename(tmp_path / "broken.ckpt")
    assert str(path) in failing("stage=band", f"resume={path}")


def test_evaluating_before_training_without_pretrained_weights(failing: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_weights(*_: object) -> None:
        raise DRBNError("none")

    monkeypatch.setattr("drbn_lightning.tasks.evaluate.pretrained_path", no_weights)
    assert "python -m drbn_lightning.train stage=band" in failing(entry=evaluate.main)


def one_line(message: str) -> str:
    """What a user sees, which is nothing but one line of error."""
    (line,) = message.splitlines()
    assert line.startswith("error: ")
    return line


def photos(folder: Path, count: int = 8) -> Path:
    rng = np.random.default_rng(0)
    for number in range(count):
        folder.mkdir(exist_ok=True)
        write_png(folder / f"{number}.png", rng.integers(0, 256, (24, 24, 3), dtype=np.uint8))
    return folder


FOLDERS = (*TINY, *TINY_NETWORKS, "unpaired=folders", "unpaired.crop_size=16", "unpaired.num_workers=0")
SEMI_SUPERVISED = [("quality", "uses.band=null"), ("recompose", "adversary=scratch")]


@pytest.mark.slow
@pytest.mark.parametrize("words", SEMI_SUPERVISED)
def test_liked_photos_that_are_not_set_or_not_there(failing: Run, tmp_path: Path, words: tuple[str, str]) -> None:
    stage = [f"stage={words[0]}", words[1], f"paths.artifacts={published(tmp_path / 'published')}", *TINY_SCENES]
    dark = f"unpaired.real_low={photos(tmp_path / 'dark')}"
    assert "unpaired.high=PATH" in one_line(failing(*stage, *FOLDERS, dark))
    (tmp_path / "empty").mkdir()
    for name in ("nowhere", "empty"):
        message = one_line(failing(*stage, *FOLDERS, dark, f"unpaired.high={tmp_path / name}"))
        assert str(tmp_path / name) in message
        message = one_line(
            failing(*stage, *FOLDERS, f"unpaired.high={tmp_path / 'dark'}", f"unpaired.real_low={tmp_path / name}")
        )
        assert str(tmp_path / name) in message


def test_nothing_to_tell_liked_photos_from(failing: Run, tmp_path: Path) -> None:
    high = f"unpaired.high={photos(tmp_path / 'good')}"
    message = one_line(failing("stage=quality", "uses.band=null", *FOLDERS, high))
    assert "unpaired.real_low" in message
    stage_2 = ["stage=recompose", "adversary=scratch", f"paths.artifacts={published(tmp_path / 'published')}"]
    assert "unpaired.real_low=PATH" in one_line(failing(*stage_2, *FOLDERS, high, *TINY_SCENES))


def perceptual(folder: Path, *words: str) -> list[str]:
    return ["stage=recompose", f"paths.artifacts={published(folder / 'published')}", "perceptual=vgg16", *words, *TINY]


def test_wrong_weights_of_vgg(failing: Run, tmp_path: Path) -> None:
    broken, foreign, nowhere = tmp_path / "broken.npz", tmp_path / "foreign.pth", tmp_path / "nowhere.npz"
    broken.write_bytes(b"PK\x03\x04 these are no weights")
    torch.save({"layer.weight": torch.zeros(3)}, foreign)
    for file in (broken, foreign, nowhere):
        assert str(file) in one_line(failing(*perceptual(tmp_path, f"perceptual.weights={file}")))


def test_weights_of_vgg_that_cannot_be_downloaded(
    failing: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise URLError("Name or service not known")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr("torch.hub.urlopen", unreachable)
    message = one_line(failing(*perceptual(tmp_path)))
    assert "perceptual.weights=PATH" in message
    assert "Name or service not known" in message


@pytest.mark.parametrize("stage", ["quality", "recompose"])
def test_a_wrong_network_of_an_earlier_stage(failing: Run, tmp_path: Path, stage: str) -> None:
    folder = published(tmp_path / "published")
    words = [f"stage={stage}", f"paths.artifacts={folder}", *TINY]
    message = one_line(failing(*words, "uses.band=nowhere.pt"))
    assert "nowhere.pt" in message
    assert "uses.band=PATH" in message
    message = one_line(failing(*words, f"uses.band={folder / 'quality.pt'}"))
    assert str(folder / "quality.pt") in message
    assert "stage=band" in message


def test_an_adversary_without_its_network(failing: Run, tmp_path: Path) -> None:
    folder = published(tmp_path / "published")
    (folder / "quality.pt").unlink()
    for adversary in ("joint", "frozen"):
        message = one_line(failing("stage=recompose", f"adversary={adversary}", f"paths.artifacts={folder}", *TINY))
        assert str(folder / "quality.pt") in message
        assert "python -m drbn_lightning.train stage=quality" in message


EVALUATED = ("device=cpu", "data.test_scenes=1", "data.test_size=24", "data.num_workers=0", "unpaired.num_workers=0")


def test_a_quality_model_of_another_kind(failing: Run, tmp_path: Path) -> None:
    folder = published(tmp_path / "published")
    words = [f"paths.artifacts={folder}", *EVALUATED]
    message = one_line(failing(*words, f"quality_model={folder / 'band.pt'}", entry=evaluate.main))
    assert str(folder / "band.pt") in message
    assert "stage=quality" in message
    assert "nowhere.pt" in one_line(failing(*words, "quality_model=nowhere.pt", entry=evaluate.main))


def test_nothing_to_score(failing: Run, tmp_path: Path) -> None:
    folder = published(tmp_path / "published")
    words = [f"paths.artifacts={folder}", *EVALUATED, "unpaired.test_photos=0", "unpaired.real_low_test_photos=0"]
    message = one_line(failing(*words, f"quality_model={folder / 'quality.pt'}", entry=evaluate.main))
    assert "unpaired.real_low" in message
    message = one_line(failing(*words, f"checkpoint={folder / 'quality.pt'}", entry=evaluate.main))
    assert str(folder / "quality.pt") in message
    assert "unpaired.test_photos" in message


def test_no_space_left(failing: Run, tmp_path: Path) -> None:
    # A file system of 100 kB would need root; a limit on the size of files raises the same kind of error.
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        message = failing("stage=band", *TINY, *TINY_SCENES, "trainer.max_epochs=1", "callbacks.images=null")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, previous)
    assert str(tmp_path / "run") in message
    assert not (tmp_path / "run" / "checkpoints" / "best.ckpt").exists()


@pytest.mark.parametrize(
    "name",
    ["a [b]", "[b]", "a,b", "a=b", "{b}", "(1) b", "it's", 'a"b', "a#b", "ünï", "~x y", "a;b&c", "null=,"],
)
def test_a_path_that_hydra_cannot_read_comes_with_the_quoting_that_works(
    failing: Run, tmp_path: Path, name: str
) -> None:
    message = failing("stage=band", f"data.root={tmp_path}/{name}")
    (line,) = message.splitlines()
    assert line.startswith("error: ")
    (again,) = shlex.split(line[line.index("'data.root=") :])
    assert misread(["stage=band", again]) is None
    assert OverridesParser.create().parse_override(again).value() == f"{tmp_path}/{name}"
    assert str(tmp_path / name) in failing("stage=band", "data=lol_v1", again)


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "drbn_lightning.train", "stage=band", *TINY, *TINY_SCENES, *words]


ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}


DYING = """
import os
import signal
from pathlib import Path

from drbn_lightning import train
from drbn_lightning.callbacks.checkpoints import ResumePoint


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def begins_a_step(self, trainer, *_):
    if trainer.global_step == 6:
        die()


def writes_half(path, content):
    whole(path, content[: len(content) // 2])
    written.extend([path] * (path.parent.name == "checkpoints"))
    if len(written) == 6:
        die()
    return whole(path, content)


whole, written = Path.write_bytes, []
{moment}
train.main()
"""
MOMENTS = {
    "between two steps": "ResumePoint.on_train_batch_start = begins_a_step",
    "while it writes a checkpoint": "Path.write_bytes = writes_half",
}


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_any_moment_a_run_goes_on(tmp_path: Path, moment: str) -> None:
    words = ["trainer.max_epochs=3", "callbacks.last.minutes=0", "callbacks.images=null"]
    run, last = tmp_path / "run", Path("checkpoints", "last.ckpt")
    script = [sys.executable, "-c", DYING.replace("{moment}", MOMENTS[moment]), *command(*words)[3:]]
    killed = subprocess.run(
        [*script, f"hydra.run.dir={run}"], env=ONE_THREAD, cwd=tmp_path, capture_output=True, text=True
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert 0 < torch.load(run / last, weights_only=True)["global_step"] < 12
    assert not (run / "band.pt").exists()
    training.train(tiny(run, *words, f"resume={run}"), "band", [], publish=False)
    training.train(tiny(tmp_path / "whole", *words), "band", [], publish=False)
    assert equal(weights(run / last), weights(tmp_path / "whole" / last))
    assert equal(weights(run / "band.pt"), weights(tmp_path / "whole" / "band.pt"))


def test_ctrl_c_ends_cleanly_and_says_how_to_go_on(tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ["trainer.max_epochs=100000", f"hydra.run.dir={run}", "callbacks.images=null", "data.num_workers=2"]
    process = subprocess.Popen(
        command(*words), env=ONE_THREAD, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    with ended(process):
        wait_for(run / "checkpoints" / "last.ckpt", process)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the workers get it too
        message = process.communicate(timeout=LIMIT)[1]
    assert process.returncode == 130
    assert "Traceback" not in message
    assert f"resume={run}" in message


@pytest.mark.slow
def test_a_lost_terminal_ends_a_training_with_a_checkpoint(tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ["trainer.max_epochs=100000", f"hydra.run.dir={run}", "callbacks.images=null", "data.num_workers=1"]
    terminal, inside = pty.openpty()
    process = subprocess.Popen(
        [*HEARING, "setsid", "--ctty", *command(*words)],
        env=ONE_THREAD,
        cwd=tmp_path,
        stdin=inside,
        stdout=inside,
        stderr=inside,
    )
    os.close(inside)
    while not (run / "checkpoints" / "last.ckpt").exists():
        assert process.poll() is None
        if select.select([terminal], [], [], 0.1)[0]:
            os.read(terminal, 65536)
    (run / "checkpoints" / "last.ckpt").unlink()
    os.close(terminal)  # SIGHUP to all its processes; writing to it fails from now on
    assert process.wait(LIMIT) == 130
    assert json.loads((run / "run.json").read_text())["status"] == "interrupted"
    assert (run / "checkpoints" / "last.ckpt").exists()


@pytest.mark.slow
def test_a_training_whose_output_nobody_reads_finishes(tmp_path: Path) -> None:
    words = ["trainer.max_epochs=1", f"hydra.run.dir={tmp_path / 'run'}", "callbacks.progress.refresh_rate=1"]
    run = [word for word in command(*words) if not word.startswith(("callbacks.progress=", "trainer.enable_progress"))]
    shell = ["bash", "-o", "pipefail", "-c", f"{shlex.join(run)} | true"]
    done = subprocess.run(shell, env=ONE_THREAD, cwd=tmp_path, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "finished"
    assert (tmp_path / "run" / "band.pt").exists()


@pytest.mark.slow
def test_two_processes_give_what_one_gives_alone_and_in_a_multirun(tmp_path: Path) -> None:
    words = ["data.length=9", "data.batch_size=4", "data.validation_scenes=3", "trainer.max_epochs=2"]
    one, two, many = tmp_path / "one", tmp_path / "two", tmp_path / "many"
    commands = [
        command(*words, f"hydra.run.dir={one}"),
        command(*words, "trainer=ddp", f"hydra.run.dir={two}"),
        [*command(*words, "trainer=ddp", "seed=0,1", f"hydra.sweep.dir={many}"), "--multirun"],
    ]
    for words_of in commands:
        done = subprocess.run(words_of, env=ONE_THREAD, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def files(folder: Path) -> set[str]:
        return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}

    # Each process shows images of its own share; beside them the files are the same.
    alone = {file for file in files(one) if not file.startswith("images")}
    for folder in (two, many / "0", many / "1"):
        assert {file for file in files(folder) if not file.startswith("images")} == alone
        assert "images/epoch_002/scene_000.png" in files(folder)
    assert {path.name for path in tmp_path.iterdir()} == {"one", "two", "many", "artifacts"}
    for name, tensor in weights(one / "band.pt").items():
        torch.testing.assert_close(weights(two / "band.pt")[name], tensor, rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(weights(many / "0" / "band.pt")[name], tensor, rtol=1e-4, atol=1e-6)

    def figures(folder: Path) -> list[list[float]]:
        lines = (folder / "csv" / "version_0" / "metrics.csv").read_text().splitlines()
        return [[float(cell) for cell in line.split(",") if cell] for line in lines[1:]]

    for first, second in zip(figures(one), figures(two), strict=True):
        assert second == pytest.approx(first, rel=1e-4)


@pytest.mark.slow
def test_a_failed_job_takes_no_other_down(tmp_path: Path) -> None:
    words = ["trainer=smoke", "network.recursions=0,1", f"hydra.sweep.dir={tmp_path / 'many'}", "-m"]
    overrides = [word for word in TINY if not word.startswith("network.recursions")]
    run = [sys.executable, "-m", "drbn_lightning.train", "stage=band", *overrides, *TINY_SCENES, *words]
    done = subprocess.run(run, env=ONE_THREAD, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode != 0
    assert "network.recursions is 0" in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "many" / "1" / "band.pt").exists()
    assert not (tmp_path / "artifacts").exists()


RANKS = """
import torch
from pytorch_lightning.callbacks import Callback


class Ranks(Callback):
    def __init__(self, folder):
        self.folder = folder

    def on_train_batch_end(self, trainer, module, *_):
        torch.save({"steps": trainer.global_step, "state_dict": module.state_dict()},
                   f"{self.folder}/rank_{trainer.global_rank}.pt")
"""


TINY_RECOMPOSER = tuple(word for word in TINY_NETWORKS if word.startswith("recomposer."))


def started(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs the training command of all stages in a folder, and expects it to end well."""
    run = [sys.executable, "-m", "drbn_lightning.train", *words]
    environment = {**ONE_THREAD, "PYTHONPATH": str(folder)}
    done = subprocess.run(run, env=environment, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done


def figures_of(folder: Path) -> dict[str, list[float]]:
    """The figures of a run, column by column."""
    with (folder / "csv" / "version_0" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) for row in rows if row[name]] for name in rows[0]}


def all_finite(folder: Path) -> bool:
    figures = figures_of(folder)
    assert {"train/loss", "val/loss"} <= figures.keys()
    return all(column and all(map(math.isfinite, column)) for column in figures.values())


ADVERSARIES = {
    "quality": ("stage=quality", "discriminator.base_channels=2"),  # with batch norm, JPEG qualities and a share
    "joint": ("stage=recompose", "adversary=joint", "adversary.learning_rate=0.1"),
    "scratch": (
        "stage=recompose",
        "adversary=scratch",
        "adversary.learning_rate=0.001",
        "discriminator.base_channels=2",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ADVERSARIES)
def test_two_processes_train_the_semi_supervised_stages_as_one_does(tmp_path: Path, name: str) -> None:
    stage = ADVERSARIES[name][0].removeprefix("stage=")
    (tmp_path / "ranks.py").write_text(RANKS)
    artifacts, untouched = (published(tmp_path / name) for name in ("artifacts", "untouched"))
    words = [
        *TINY,
        *TINY_SCENES,
        *TINY_PHOTOS,
        "data.batch_size=4",
        "unpaired.batch_size=4",
        "data.validation_scenes=3",
    ]
    words += ["trainer.max_epochs=2", "trainer.log_every_n_steps=1", "callbacks.images=null"]
    words += ["data.length=9", "unpaired.length=9"]  # shares of unequal sizes
    words += ["stage.optimizer._target_=torch.optim.SGD", "~stage.optimizer.betas", "~stage.optimizer.eps"]
    words += ["stage.optimizer.lr=0.1", "criterion=least_squares"]  # steps in proportion to the gradients
    words += [*ADVERSARIES[name], *(TINY_RECOMPOSER if stage == "recompose" else ())]
    ranks = f"+callbacks.ranks={{_target_: ranks.Ranks, folder: {tmp_path}}}"
    one, two = tmp_path / "one", tmp_path / "two"
    started(tmp_path, *words, "trainer=ddp", f"hydra.run.dir={two}", ranks)
    both = [torch.load(tmp_path / f"rank_{rank}.pt", weights_only=True) for rank in range(2)]
    assert [content["steps"] for content in both] == [6, 6]
    assert equal(both[0]["state_dict"], both[1]["state_dict"])
    assert (artifacts / f"{stage}.pt").read_bytes() == (two / f"{stage}.pt").read_bytes()
    assert all_finite(two)

    config = composed(one, *words, f"paths.artifacts={untouched}")
    training.train(config, stage, [], publish=False)
    for place in (f"{stage}.pt", "checkpoints/last.ckpt"):
        alone, together = weights(one / place), weights(two / place)
        assert alone.keys() == together.keys()
        for name, tensor in alone.items():
            torch.testing.assert_close(together[name], tensor, rtol=1e-3, atol=1e-4)
    alone_figures, together_figures = figures_of(one), figures_of(two)
    scored = [name for name in alone_figures if name.startswith("val/")]  # in training each process logs its own terms
    assert {"val/loss"} < set(scored)
    scored.append("train/loss")
    for name in scored:
        assert together_figures[name] == pytest.approx(alone_figures[name], rel=1e-3, abs=1e-5)


@pytest.mark.slow
def test_a_run_of_one_process_goes_on_with_two(tmp_path: Path) -> None:
    words = [*TINY, *TINY_SCENES, "data.length=9", "data.batch_size=4", "trainer.max_epochs=2", "callbacks.images=null"]
    broken, whole = tmp_path / "broken", tmp_path / "whole"
    fault = "+callbacks.fault={_target_: tests.tasks.test_train.Breakdown, step: 5}"
    with pytest.raises(RuntimeError, match="broken down"):
        training.train(
            composed(broken, "stage=band", *words, fault, "callbacks.last.minutes=0"), "band", [], publish=False
        )
    before = torch.load(broken / "checkpoints" / "last.ckpt", weights_only=True)
    assert (before["global_step"], before["epoch"]) == (4, 1)
    started(tmp_path, "stage=band", *words, "trainer=ddp", f"resume={broken}")
    training.train(composed(whole, "stage=band", *words), "band", [], publish=False)
    assert torch.load(broken / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == 6
    for name, tensor in weights(whole / "band.pt").items():
        torch.testing.assert_close(weights(broken / "band.pt")[name], tensor, rtol=1e-4, atol=1e-6)


SWEEPS = {
    "adversaries": (
        ("stage=recompose", "adversary=joint,frozen,none", "criterion=log,least_squares", "recomposer=unet,flat"),
        12,
    ),
    "discriminators": (("stage=quality", "discriminator.sorted_channels=true,false", "criterion=log,least_squares"), 4),
    "scratch": (("stage=recompose", "adversary=scratch", "discriminator.sorted_channels=true,false"), 2),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SWEEPS)
def test_choices_are_swept_by_one_command(tmp_path: Path, name: str) -> None:
    words, jobs = SWEEPS[name]
    artifacts = published(tmp_path / "artifacts")
    files = {file.name: file.read_bytes() for file in artifacts.iterdir()}
    used = [f"uses.band={artifacts / 'band.pt'}", f"paths.artifacts={artifacts}"]
    used += ["stage.scheduler=null", "adversary.learning_rate=0.1"]  # in two steps the default changes too little
    small = (*TINY, *TINY_SCENES, *TINY_PHOTOS, "trainer=smoke", f"hydra.sweep.dir={tmp_path / 'many'}")
    done = started(tmp_path, "--multirun", *words, *used, *small)
    stage = words[0].removeprefix("stage=")
    made = {path.parent: weights(path) for path in (tmp_path / "many").glob(f"*/{stage}.pt")}
    assert {folder.name for folder in made} == {str(number) for number in range(jobs)}
    chosen = {folder: (folder / ".hydra" / "overrides.yaml").read_text() for folder in made}
    for first, second in itertools.combinations(made, 2):  # each job has trained what its words say
        alike = [chosen[job].replace("least_squares", "log") for job in (first, second)]
        no_criterion = alike[0] == alike[1] and "adversary=none" in alike[0]
        assert equal(made[first], made[second]) is no_criterion, (chosen[first], chosen[second])
    assert done.stdout.count("artifact: ") == jobs
    assert {file.name: file.read_bytes() for file in artifacts.iterdir()} == files
    assert {path.name for path in tmp_path.iterdir()} == {"artifacts", "many"}
