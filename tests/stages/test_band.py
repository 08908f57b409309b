import signal
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from omegaconf import DictConfig

from drbn_lightning.callbacks.checkpoints import ResumePoint
from drbn_lightning.checkpoints.artifact import HEADER, load
from drbn_lightning.errors import DRBNError, RunInterruptedError
from drbn_lightning.tasks.train import train
from tests.marks import slow_but
from tests.running import equal, tiny, weights

EPOCHS, STEPS = 2, 4


def run(config: DictConfig) -> float | None:
    return train(config, "band", [], publish=True)


def last(folder: Path) -> Path:
    return folder / "checkpoints" / "last.ckpt"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that nobody disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    run(tiny(folder, f"trainer.max_epochs={EPOCHS}"))
    return folder


def test_the_same_seed_gives_the_same_bits(whole: Path, tmp_path: Path) -> None:
    run(tiny(tmp_path, f"trainer.max_epochs={EPOCHS}"))
    assert equal(weights(whole / "band.pt"), weights(tmp_path / "band.pt"))


@pytest.mark.slow
def test_another_seed_gives_others(whole: Path, tmp_path: Path) -> None:
    run(tiny(tmp_path, f"trainer.max_epochs={EPOCHS}", "seed=1"))
    assert not equal(weights(whole / "band.pt"), weights(tmp_path / "band.pt"))


def test_workers_change_nothing(whole: Path, tmp_path: Path) -> None:
    run(tiny(tmp_path, f"trainer.max_epochs={EPOCHS}", "data.num_workers=2"))
    assert equal(weights(whole / "band.pt"), weights(tmp_path / "band.pt"))


@pytest.mark.parametrize("step", slow_but({STEPS - 1, STEPS}, range(1, EPOCHS * STEPS)))
def test_an_interrupted_run_goes_on_to_the_same_bits(
    whole: Path, tmp_path: Path, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = signal.getsignal(signal.SIGINT)

    def press_ctrl_c(self: ResumePoint, trainer: pl.Trainer, *_: object) -> None:
        if trainer.global_step == step - 1:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(ResumePoint, "on_train_batch_start", press_ctrl_c)
        with pytest.raises(RunInterruptedError, match=r"last.ckpt"):
            run(tiny(tmp_path, f"trainer.max_epochs={EPOCHS}"))
    stopped = torch.load(last(tmp_path), weights_only=True)
    assert stopped["global_step"] == step
    assert not (tmp_path / "band.pt").exists()
    assert signal.getsignal(signal.SIGINT) is handler
    run(tiny(tmp_path, f"trainer.max_epochs={EPOCHS}", f"resume={tmp_path}"))
    assert equal(weights(last(whole)), weights(last(tmp_path)))
    assert equal(weights(whole / "band.pt"), weights(tmp_path / "band.pt"))


def test_a_checkpoint_within_an_epoch_is_written_when_it_is_time(tmp_path: Path) -> None:
    run(tiny(tmp_path, "trainer.max_steps=3", "callbacks.last.minutes=0"))
    assert torch.load(last(tmp_path), weights_only=True)["global_step"] == 3


def test_a_run_leaves_what_people_look_for(whole: Path) -> None:
    assert (whole / "checkpoints" / "best.ckpt").is_file()
    assert (whole / "csv" / "version_0" / "metrics.csv").is_file()
    assert len(list((whole / "images").glob("epoch_00?/scene_00?.png"))) == EPOCHS * 2
    assert equal(weights(whole / "band.pt"), weights(whole / "artifacts" / "band.pt"))
    assert not list(whole.rglob("*tmp*"))


def test_the_artifact_says_where_it_came_from(whole: Path) -> None:
    artifact = load(whole / "band.pt", "band")
    assert artifact.description.arguments["recursions"] == 2
    assert artifact.provenance["seed"] == 0
    assert artifact.provenance["steps"] in (STEPS, EPOCHS * STEPS)
    assert artifact.provenance["figures"]["val/psnr"] > 0
    assert artifact.trained_on[0]["name"] == "synthetic/train"
    assert set(torch.load(whole / "band.pt", weights_only=True)) == {HEADER, "state_dict"}


def test_the_artifact_is_the_moving_average_of_the_best_epoch(whole: Path) -> None:
    best = torch.load(whole / "checkpoints" / "best.ckpt", weights_only=True)
    own = {name.removeprefix("network."): value for name, value in best["state_dict"].items()}
    assert equal(own, weights(whole / "band.pt"))
    assert not torch.equal(
        best["state_dict"]["network.blocks.0.first.weight"],
        best["current_model_state"]["network.blocks.0.first.weight"],
    )


@pytest.mark.parametrize(
    "overrides",
    [
        ("network.share_weights=true", "network.recursions=3"),
        ("network.first_guess=input", "network.feature_residual=false"),
        ("network.recursive_input=false", "callbacks.ema=null"),
        ("trainer.precision=bf16-mixed", "trainer.accumulate_grad_batches=2"),
        ("stage.channels_last=false", "stage.scheduler=null", "logger=tensorboard"),
        ("stage.scheduler=${schedules.halving}", "stage.scheduler_interval=epoch", "trainer.gradient_clip_val=null"),
    ],
)
def test_switches_train(tmp_path: Path, overrides: tuple[str, ...]) -> None:
    score = run(tiny(tmp_path, "trainer.max_epochs=1", *overrides))
    assert score is not None
    assert score > 0


def test_a_smoke_run_publishes_nothing_as_default(tmp_path: Path) -> None:
    run(tiny(tmp_path, "trainer=smoke"))
    assert (tmp_path / "band.pt").exists()
    assert not (tmp_path / "artifacts").exists()


@pytest.mark.slow
def test_training_lowers_the_loss_on_one_scene(tmp_path: Path) -> None:
    overrides = ("data.length=2", "trainer.max_epochs=30", "stage.optimizer.lr=0.01", "callbacks.images=null")
    run(tiny(tmp_path, *overrides, "trainer.check_val_every_n_epoch=10", "trainer.log_every_n_steps=1"))
    lines = (tmp_path / "csv" / "version_0" / "metrics.csv").read_text().splitlines()
    column = lines[0].split(",").index("train/loss")
    losses = [float(line.split(",")[column]) for line in lines[1:] if line.split(",")[column]]
    assert sum(losses[-5:]) / 5 < sum(losses[:5]) / 5 - 0.1


@pytest.mark.slow
def test_a_learned_guess_is_taught_on_whole_images(tmp_path: Path) -> None:
    learned = ("network.first_guess=learned", "stage.loss.ssim_weight=0", "stage.loss.l1_weight=0")
    run(
        tiny(
            tmp_path / "taught", *learned, "stage.guess_weight=1", "trainer.max_epochs=2", "trainer.log_every_n_steps=1"
        )
    )
    run(tiny(tmp_path / "left", *learned))
    taught, left = (weights(tmp_path / name / "band.pt")["guess.predictor.head.3.bias"] for name in ("taught", "left"))
    assert taught.abs().sum() > 0
    assert left.abs().sum() == 0
    columns = (tmp_path / "taught" / "csv" / "version_0" / "metrics.csv").read_text().splitlines()[0].split(",")
    assert "train/guess" in columns


def test_a_guess_that_is_not_learned_cannot_be_taught(tmp_path: Path) -> None:
    with pytest.raises(DRBNError, match=r"stage\.guess_weight .*network\.first_guess=learned"):
        run(tiny(tmp_path, "stage.guess_weight=1"))
