import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf
from pytorch_lightning.callbacks import Callback

from drbn_lightning.checkpoints.artifact import identity, load, read
from drbn_lightning.data.cache import ImageCache
from drbn_lightning.errors import DRBNError
from drbn_lightning.hydra_task import again
from drbn_lightning.tasks.train import set_cooldown, train
from tests.marks import slow_but
from tests.running import TINY, composed, equal, tiny, weights
from tests.test_hydra_task import lol


class Breakdown(Callback):
    """Fails at a step, as a full disk or a lost GPU would."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_end(self, trainer: pl.Trainer, *_: object) -> None:
        if trainer.global_step == self.step:
            raise RuntimeError("broken down")


def run(folder: Path, *words: str) -> float | None:
    """Train in a folder; the words are what the user typed."""
    return train(tiny(folder, "trainer.max_epochs=2", *words), "band", list(words), publish=False)


def record(folder: Path) -> dict[str, object]:
    content: dict[str, object] = json.loads((folder / "run.json").read_text())
    return content


def test_a_run_leaves_its_record_and_its_resolved_configuration(tmp_path: Path) -> None:
    score = run(tmp_path, "seed=3")
    content = record(tmp_path)
    assert (content["stage"], content["status"], content["best"], content["steps"]) == ("band", "finished", score, 8)
    assert (content["overrides"], content["monitor"], content["seed"]) == (["seed=3"], "val/psnr", 3)
    assert {"version", "commit", "torch", "seconds", "parameters"} <= content.keys()
    config = OmegaConf.load(tmp_path / "config.yaml")
    assert config.data.seed == 3
    assert "${" not in (tmp_path / "config.yaml").read_text()


def test_auto_leaves_a_finished_run_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    score = run(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert run(tmp_path, "resume=auto") == score
    assert "has finished before: best validation val/psnr" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == before


def test_auto_goes_on_where_a_run_broke_down(tmp_path: Path) -> None:
    broken, whole = tmp_path / "broken", tmp_path / "whole"
    fault = f"+callbacks.fault={{_target_: {__name__}.Breakdown, step: 6}}"
    with pytest.raises(RuntimeError, match="broken down"):
        train(tiny(broken, "trainer.max_epochs=2", fault), "band", [], publish=False)
    assert (record(broken)["status"], record(broken)["reason"]) == ("failed", "RuntimeError: broken down")
    assert run(broken, "resume=auto") == run(whole, "resume=auto")
    assert record(broken)["status"] == "finished"
    assert equal(weights(broken / "band.pt"), weights(whole / "band.pt"))


@pytest.mark.slow
def test_a_job_that_slurm_has_queued_again_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fault = f"+callbacks.fault={{_target_: {__name__}.Breakdown, step: 6}}"
    with pytest.raises(RuntimeError, match="broken down"):
        train(tiny(tmp_path, "trainer.max_epochs=2", fault), "band", [], publish=False)
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    read_before = list[Path]()
    monkeypatch.setattr("drbn_lightning.tasks.train.require_same_images", lambda path, *_: read_before.append(path))
    run(tmp_path)
    assert read_before == [tmp_path / "checkpoints" / "last.ckpt"]
    assert record(tmp_path)["steps"] == 8


@pytest.mark.slow
def test_a_run_whose_folder_has_moved_knows_its_best_network(tmp_path: Path) -> None:
    """The first of two epochs is the best, for the sake of this test by `min`."""
    words = ("monitor.mode=min", "stage.optimizer.lr=0.001")
    whole, started, moved = (tmp_path / name for name in ("whole", "started", "moved"))
    best = run(whole, *words)
    assert load(whole / "band.pt", "band").provenance["steps"] == 4
    with pytest.raises(RuntimeError, match="broken down"):
        run(started, *words, f"+callbacks.fault={{_target_: {__name__}.Breakdown, step: 6}}")
    started.rename(moved)
    assert run(tmp_path / "elsewhere", *words, f"resume={moved}") == best
    assert equal(weights(moved / "band.pt"), weights(whole / "band.pt"))
    assert not started.exists()


def test_auto_refuses_a_folder_of_another_run(tmp_path: Path) -> None:
    run(tmp_path, "seed=1")
    with pytest.raises(DRBNError, match=r"\(seed=1\)"):
        run(tmp_path, "seed=2", "resume=auto")


def test_the_configuration_is_said_on_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, "print_config=true", "trainer.limit_train_batches=1")
    output = capsys.readouterr().out
    assert (tmp_path / "config.yaml").read_text() in output
    assert "recursions: 2" in output


@pytest.mark.slow
def test_one_batch_an_epoch_is_no_whole_run(tmp_path: Path) -> None:
    train(tiny(tmp_path, "trainer.limit_train_batches=1"), "band", [], publish=True)
    assert not (tmp_path / "artifacts").exists()


@pytest.mark.slow
def test_a_warm_up_of_exactly_one_step_works(tmp_path: Path) -> None:
    run(tmp_path, "trainer.max_epochs=5", "data.length=8", "data.batch_size=2")  # 20 steps, of which 5 % warm up
    assert record(tmp_path)["steps"] == 20


def test_resuming_with_another_network_leaves_the_record_as_it_was(tmp_path: Path) -> None:
    run(tmp_path / "run")
    before = {name: (tmp_path / "run" / name).read_bytes() for name in ("run.json", "config.yaml")}
    with pytest.raises(DRBNError, match=r"last\.ckpt"):
        run(tmp_path / "other", f"resume={tmp_path / 'run'}", "network.base_channels=8")
    assert {name: (tmp_path / "run" / name).read_bytes() for name in before} == before


@pytest.mark.parametrize("words", slow_but({("~logger",)}, [("logger=none",), ("~logger",), ("logger.csv=null",)]))
def test_a_run_needs_no_logger(tmp_path: Path, words: tuple[str, ...]) -> None:
    run(tmp_path, *words)
    assert record(tmp_path)["status"] == "finished"
    assert not (tmp_path / "csv").exists()


def test_the_command_that_goes_on_can_be_typed(tmp_path: Path) -> None:
    folder = tmp_path / "my runs (2), it's"
    command = again(["--config-dir=my conf", "+x={a: [1, 2]}", "resume=old"], "resume", folder)
    words = shlex.split(command)
    assert words[:5] == ["python", "-m", "drbn_lightning.train", "--config-dir=my conf", "+x={a: [1, 2]}"]
    (last,) = OverridesParser.create().parse_overrides(words[5:])
    assert (last.key_or_group, last.value()) == ("resume", str(folder))


CONSTANT = "stage.scheduler=${schedules.constant}"


def checkpoint(folder: Path) -> dict[str, Any]:
    return read(folder / "checkpoints" / "last.ckpt")


def test_a_cooldown_ends_a_run_of_unknown_length(tmp_path: Path) -> None:
    run(tmp_path, CONSTANT)
    assert checkpoint(tmp_path)["lr_schedulers"][0]["_last_lr"] == [pytest.approx(0.001 * 9 / 201)]
    run(tmp_path, CONSTANT, "resume=auto", "cooldown=3")
    after = checkpoint(tmp_path)
    assert after["global_step"] == 11
    assert after["lr_schedulers"][0]["_last_lr"] == [pytest.approx(0, abs=1e-9)]
    assert record(tmp_path)["steps"] == 11
    assert (tmp_path / "band.pt").exists()


@pytest.mark.slow
def test_a_run_left_within_its_cooldown_keeps_its_end(tmp_path: Path) -> None:
    words = [CONSTANT, f"+callbacks.fault={{_target_: {__name__}.Breakdown, step: 10}}", "callbacks.last.minutes=0"]
    run(tmp_path, *words)
    with pytest.raises(RuntimeError, match="broken down"):
        run(tmp_path, *words, "resume=auto", "cooldown=6")
    assert checkpoint(tmp_path)["global_step"] == 9
    config = tiny(tmp_path, CONSTANT, "cooldown=6")
    set_cooldown(config, tmp_path / "checkpoints" / "last.ckpt")
    assert (config.trainer.max_steps, config.trainer.max_epochs) == (14, -1)


@pytest.mark.parametrize("words", [["cooldown=3"], [CONSTANT, "cooldown=-1"], [CONSTANT, "cooldown=soon"]])
def test_a_cooldown_needs_a_schedule_that_has_one_and_a_number(tmp_path: Path, words: list[str]) -> None:
    with pytest.raises(DRBNError, match="cooldown"):
        run(tmp_path, *words)


@pytest.mark.slow
@pytest.mark.parametrize(("first", "second"), [("32-true", "bf16-mixed"), ("bf16-mixed", "32-true")])
def test_a_finished_run_takes_more_epochs_and_another_precision(tmp_path: Path, first: str, second: str) -> None:
    run(tmp_path, CONSTANT, f"trainer.precision={first}")
    run(tmp_path, CONSTANT, f"trainer.precision={second}", "trainer.max_epochs=3", "resume=auto")
    assert checkpoint(tmp_path)["global_step"] == 12
    assert record(tmp_path)["status"] == "finished"


def test_training_starts_from_given_weights_and_says_so(tmp_path: Path) -> None:
    run(tmp_path / "first")
    first = load(tmp_path / "first" / "band.pt")
    words = [f"init={tmp_path}/first/band.pt", "stage.optimizer.lr=0", "callbacks.ema=null", "seed=5"]
    run(tmp_path / "second", *words)
    second = load(tmp_path / "second" / "band.pt")
    assert equal(weights(tmp_path / "first" / "band.pt"), weights(tmp_path / "second" / "band.pt"))
    assert second.provenance["initial"] == {"identity": identity(first.network)}
    assert all(seen in second.trained_on for seen in first.trained_on)
    assert len(second.trained_on) > len(first.trained_on)


class Mishap(Callback):
    """Fails in the second epoch, between two steps of the optimizer."""

    def on_train_batch_end(self, trainer: pl.Trainer, *more: object) -> None:
        if trainer.current_epoch == 1 and more[-1] == 2:
            raise RuntimeError("broken down")


@pytest.mark.slow
def test_a_run_that_sums_gradients_up_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    broken, whole = tmp_path / "broken", tmp_path / "whole"
    words = ["trainer.accumulate_grad_batches=2", "callbacks.last.minutes=0"]
    run(whole, *words)
    words.append(f"+callbacks.fault={{_target_: {__name__}.Mishap}}")
    with pytest.raises(RuntimeError, match="broken down"):
        run(broken, *words)
    assert checkpoint(broken)["global_step"] == 3
    assert checkpoint(broken)["loops"]["fit_loop"]["epoch_loop.batch_progress"]["current"]["ready"] == 2
    run(broken, *words[:-1], f"resume={broken}")
    assert equal(weights(broken / "band.pt"), weights(whole / "band.pt"))


@pytest.mark.filterwarnings("ignore:Found .* pairs of LOL")
@pytest.mark.parametrize(
    ("words", "count"),
    [
        (("data=lol_v1", "data.root=lol", "data.validation_pairs=1"), 2),
        (("data=photos", "data.root=lol/our485/high"), 1),
    ],
)
def test_a_run_opens_each_of_its_sets_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], count: int
) -> None:
    monkeypatch.chdir(tmp_path)
    lol(tmp_path / "lol", train_pairs=12)
    opened, open_cache = list[list[Path]](), ImageCache.open

    def counted(folder: Path, paths: Sequence[Path], *options: object) -> ImageCache:
        opened.append(sorted(paths))
        return open_cache(folder, paths, *options)  # type: ignore[arg-type]  # of several types

    monkeypatch.setattr(ImageCache, "open", counted)
    more = ("data.crop_size=16", "trainer.max_epochs=1")
    train(composed(tmp_path / "run", "stage=band", *TINY, *words, *more), "band", [], publish=False)
    assert len(opened) == len({tuple(paths) for paths in opened}) == count
