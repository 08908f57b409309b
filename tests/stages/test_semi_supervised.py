"""Whole runs of the stages that take unpaired photos: repeatable bits, and no test image in any loss."""

import csv
import math
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from omegaconf import DictConfig
from torch import Tensor, nn

from drbn_lightning.callbacks.checkpoints import ResumePoint
from drbn_lightning.data.semi_supervised import SemiSupervisedDataModule
from drbn_lightning.errors import DRBNError, RunInterruptedError
from drbn_lightning.losses.recomposition import RecompositionLoss
from drbn_lightning.networks.discriminator import Discriminator
from drbn_lightning.networks.drbn import DRBN
from drbn_lightning.tasks.train import train
from tests.data.unpaired.photo_tables import pixels, write_photo
from tests.marks import slow_but
from tests.running import TINY, TINY_NETWORKS, composed, equal, published, tiny_photos, vgg_file, weights

EPOCHS, STEPS = 2, 4


class Variant(NamedTuple):
    """A run, and what its steps draw beside the samples: soft labels; a scratch discriminator JPEG qualities too."""

    stage: str
    words: tuple[str, ...]


VARIANTS = {
    "quality": Variant("quality", ("criterion=least_squares",)),
    "joint": Variant("recompose", ("adversary=joint", "criterion=least_squares")),
    "scratch": Variant("recompose", ("adversary=scratch", "criterion=least_squares")),
}
both_stages = pytest.mark.parametrize("name", ["quality", "joint"])


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published(tmp_path_factory.mktemp("published"))


Run = Callable[..., Path]


@pytest.fixture(scope="module")
def run(artifacts: Path) -> Run:
    """Trains a variant in a folder, which comes back."""

    def started(name: str, folder: Path, *words: str) -> Path:
        stage, own = VARIANTS[name]
        common = (f"uses.band={artifacts / 'band.pt'}", f"paths.artifacts={artifacts}", f"trainer.max_epochs={EPOCHS}")
        train(tiny_photos(folder, stage, *common, "callbacks.images=null", *own, *words), stage, [], publish=False)
        return folder

    return started


@pytest.fixture(scope="module")
def whole(run: Run, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folders of runs that nobody disturbed."""
    return {name: run(name, tmp_path_factory.mktemp(name)) for name in VARIANTS}


def last(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    return content


def trained(folder: Path, name: str) -> dict[str, Tensor]:
    """Everything that a run has learned: the artifact, and what goes on from its last checkpoint."""
    content = last(folder)
    state = {f"artifact.{key}": value for key, value in weights(folder / f"{VARIANTS[name].stage}.pt").items()}
    for part in ("state_dict", "current_model_state"):
        state |= {f"{part}.{key}": value for key, value in content[part].items()}
    for number, moments in content["optimizer_states"][0]["state"].items():
        state |= {f"optimizer.{number}.{key}": value for key, value in moments.items()}
    return state


def column(folder: Path, name: str) -> list[float]:
    with (folder / "csv" / "version_0" / "metrics.csv").open() as file:
        return [float(row[name]) for row in csv.DictReader(file) if row.get(name)]


def columns(folder: Path) -> dict[str, list[float]]:
    header = (folder / "csv" / "version_0" / "metrics.csv").read_text().splitlines()[0].split(",")
    return {name: column(folder, name) for name in header}


@both_stages
def test_the_same_seed_gives_the_same_bits(run: Run, whole: dict[str, Path], tmp_path: Path, name: str) -> None:
    assert equal(trained(whole[name], name), trained(run(name, tmp_path), name))


@pytest.mark.slow
@both_stages
def test_another_seed_gives_others(run: Run, whole: dict[str, Path], tmp_path: Path, name: str) -> None:
    first, other = trained(whole[name], name), trained(run(name, tmp_path, "seed=1"), name)
    assert not any(torch.equal(first[key], other[key]) for key in first if key.endswith("head.weight"))


@both_stages
def test_workers_change_nothing(run: Run, whole: dict[str, Path], tmp_path: Path, name: str) -> None:
    again = run(name, tmp_path, "data.num_workers=1", "unpaired.num_workers=1")
    assert equal(trained(whole[name], name), trained(again, name))


@pytest.mark.parametrize(
    ("name", "step"), [("quality", 2), ("joint", 3), pytest.param("scratch", 5, marks=pytest.mark.slow)]
)
def test_an_interrupted_run_goes_on_to_the_same_bits(
    run: Run, whole: dict[str, Path], tmp_path: Path, name: str, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def press_ctrl_c(self: ResumePoint, trainer: pl.Trainer, *_: object) -> None:
        if trainer.global_step == step - 1:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(ResumePoint, "on_train_batch_start", press_ctrl_c)
        with pytest.raises(RunInterruptedError, match=r"last.ckpt"):
            run(name, tmp_path)
    assert last(tmp_path)["global_step"] == step
    assert not (tmp_path / f"{VARIANTS[name].stage}.pt").exists()
    torch.manual_seed(123)  # whatever came between
    run(name, tmp_path, f"resume={tmp_path}")
    assert equal(trained(whole[name], name), trained(tmp_path, name))


@pytest.mark.slow
@both_stages
def test_accumulated_gradients_count_as_one_step(run: Run, tmp_path: Path, name: str) -> None:
    run(name, tmp_path, "trainer.accumulate_grad_batches=2", "trainer.log_every_n_steps=1")
    content = last(tmp_path)
    assert content["global_step"] == EPOCHS * STEPS // 2
    assert {int(moments["step"]) for moments in content["optimizer_states"][0]["state"].values()} == {
        EPOCHS * STEPS // 2
    }
    schedule = content["lr_schedulers"][0]
    assert (schedule["total_steps"], schedule["last_epoch"]) == (EPOCHS * STEPS // 2,) * 2
    assert column(tmp_path, "step")[-1] == EPOCHS * STEPS // 2 - 1


@pytest.mark.slow
@both_stages
def test_accumulated_gradients_are_those_of_larger_batches(run: Run, tmp_path: Path, name: str) -> None:
    """Without anything that depends on the size of a batch: batch norm, drawn labels, JPEG qualities, shares."""
    words = ["criterion=log", "discriminator.normalization=none", "discriminator.reencode=null", "callbacks.ema=null"]
    words += ["stage.optimizer._target_=torch.optim.SGD", "~stage.optimizer.betas", "~stage.optimizer.eps"]
    words += ["trainer.max_epochs=1", "trainer.gradient_clip_val=null", "stage.scheduler=null"]
    words += ["stage.enhanced_share=1"] if name == "quality" else ["stage.discriminator_lr=1e-3"]
    size = "unpaired" if name == "quality" else "data"
    small = run(name, tmp_path / "small", *words, f"{size}.batch_size=2", "trainer.accumulate_grad_batches=2")
    large = run(name, tmp_path / "large", *words, f"{size}.batch_size=4")
    first, second = last(small)["state_dict"], last(large)["state_dict"]
    for key, value in second.items():
        torch.testing.assert_close(first[key], value, rtol=1e-4, atol=1e-6)
    assert last(small)["global_step"] == last(large)["global_step"] == 2


@pytest.mark.slow
@both_stages
def test_mixed_precision_trains(run: Run, whole: dict[str, Path], tmp_path: Path, name: str) -> None:
    run(name, tmp_path, "trainer.precision=bf16-mixed", "trainer.log_every_n_steps=1")
    figures = columns(tmp_path)
    assert len(figures["train/loss"]) == EPOCHS * STEPS
    assert all(values and all(map(math.isfinite, values)) for values in figures.values())
    state = trained(tmp_path, name)
    assert {tensor.dtype for tensor in state.values()} <= {torch.float32, torch.int64}
    assert all(tensor.isfinite().all() for tensor in state.values())
    assert not equal(state, trained(whole[name], name))


@pytest.mark.parametrize("share", slow_but({0.5}, [0.25, 0.5, 1]))
def test_a_discriminator_takes_pairs_and_photos_of_unequal_sizes(run: Run, tmp_path: Path, share: float) -> None:
    words = ("real_images=both", "unpaired.crop_size=24", f"stage.enhanced_share={share}")
    run("quality", tmp_path, *words, "trainer.log_every_n_steps=1", "trainer.max_epochs=1")
    assert len(columns(tmp_path)["train/loss"]) == STEPS
    assert all(tensor.isfinite().all() for tensor in trained(tmp_path, "quality").values())


@pytest.mark.slow
def test_a_perceptual_term_takes_part(run: Run, tmp_path: Path, whole: dict[str, Path]) -> None:
    vgg = ("perceptual=vgg16", f"perceptual.weights={vgg_file(tmp_path / 'vgg.npz')}")
    run("joint", tmp_path / "run", *vgg, "trainer.log_every_n_steps=1")
    terms = columns(tmp_path / "run")
    assert len(terms["train/perceptual"]) == EPOCHS * STEPS
    assert all(value > 0 for value in terms["train/perceptual"])
    names = ("detail", "perceptual", "quality", "structure", "discriminator")
    total = [sum(values) for values in zip(*(terms[f"train/{name}"] for name in names), strict=True)]
    assert terms["train/loss"] == pytest.approx(total, rel=1e-4)
    assert "train/perceptual" not in columns(whole["joint"])


# Test images have one colour each, which occurs in no other image: gray levels of what is low, and of its target.
MARKED = {
    "low": [(1, 60, 4), (60, 1, 6)],
    "high": [(3, 251, 7), (251, 3, 9)],
}


def plain(colour: tuple[int, int, int]) -> NDArray[np.uint8]:
    return np.full((24, 30, 3), colour, np.uint8)


def soft(name: str, brightest: int) -> NDArray[np.uint8]:
    """An image that has no marked colour: all of its channels are between 16 and 127."""
    return (16 + pixels(name, (24, 30)).astype(np.int64) * (brightest - 16) // 255).astype(np.uint8)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """LOL-v1 with marked test images beside folders of good, bad and dark photos without a mark."""
    for number in range(5):
        for side, brightest in (("low", 40), ("high", 127)):
            write_photo(tmp_path / "lol" / "our485" / side / f"{number}.png", soft(f"{number}", brightest))
    for side, colours in MARKED.items():
        for number, colour in enumerate(colours):
            write_photo(tmp_path / "lol" / "eval15" / side / f"{number}.png", plain(colour))
    for folder, brightest in (("good", 127), ("bad", 90), ("dark", 40)):
        for number in range(6):
            write_photo(tmp_path / folder / f"{folder}{number}.png", soft(f"{folder}{number}", brightest))
    return tmp_path


def on_folders(root: Path, artifacts: Path, stage: str, *words: str) -> DictConfig:
    folders = [f"{key}={root / name}" for key, name in (("high", "good"), ("low", "bad"), ("real_low", "dark"))]
    more = ["short_side=20", "crop_size=16", "num_workers=0", "validation_share=0.2", "test_share=0.2"]
    pairs = ["data=lol_v1", f"data.root={root / 'lol'}", "data.crop_size=16", "data.validation_pairs=1"]
    photos = ["unpaired=folders", *(f"unpaired.{word}" for word in [*folders, *more])]
    common = [*TINY, *TINY_NETWORKS, *pairs, *photos, "data.batch_size=2", "trainer.max_epochs=3"]
    return composed(root / "run", f"stage={stage}", *common, f"paths.artifacts={artifacts}", *words)


Seen = dict[str, list[Tensor]]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    """Every image that reaches a network or a loss, by where it was seen."""
    images_by_place: Seen = {}

    def spy(kind: type[nn.Module], method: str) -> None:
        before = getattr(kind, method)

        def watched(self: nn.Module, *images: Tensor | None) -> object:
            place = images_by_place.setdefault(f"{kind.__name__}.{method}", [])
            place += [image.detach().clone() for image in images if image is not None and image.dim() == 4]
            return before(self, *images)

        monkeypatch.setattr(kind, method, watched)

    for kind, method in (
        (DRBN, "forward"),
        (Discriminator, "forward"),
        (RecompositionLoss, "fidelity"),
        (RecompositionLoss, "loyalty"),
    ):
        spy(kind, method)
    return images_by_place


def marked(seen: Seen, *sides: str) -> Iterator[str]:
    """Where images with a mark were seen; the marks are those of the low images, the targets or both."""
    colours = torch.tensor([colour for side in sides for colour in MARKED[side]]) / 255
    for place, images in seen.items():
        for image in images:
            distance = (image[:, None] - colours[:, :, None, None]).abs().amax(dim=2)  # (N, colours, H, W)
            if ((distance < 0.5 / 255).float().mean(dim=(2, 3)) > 0.5).any():  # a crop of one has nothing else
                yield place


ON_PAIRS = {
    "recompose": ("real_images=both", "stage.quality_on_pairs=true"),
    "quality": ("real_images=both",),
}
NETWORKS = {"DRBN.forward", "Discriminator.forward"}
PLACES = {"recompose": NETWORKS | {"RecompositionLoss.fidelity", "RecompositionLoss.loyalty"}, "quality": NETWORKS}
NONE_HELD_OUT = [f"unpaired.{kind}{part}_share=0" for kind in ("", "real_low_") for part in ("validation", "test")]
LOL = pytest.mark.filterwarnings("ignore:Found .* pairs of LOL")


@LOL
@pytest.mark.parametrize("stage", ["quality", "recompose"])
def test_no_test_image_reaches_a_loss(data: Path, artifacts: Path, seen: Seen, stage: str) -> None:
    train(on_folders(data, artifacts, stage, *ON_PAIRS[stage]), stage, [], publish=False)
    assert (data / "run" / f"{stage}.pt").is_file()
    assert set(seen) == PLACES[stage]
    assert min(len(images) for images in seen.values()) >= 6
    assert set(marked(seen, "low", "high")) == set()


@LOL
@pytest.mark.parametrize("stage", ["quality", "recompose"])
@pytest.mark.parametrize(("key", "side"), [("real_low", "low"), ("high", "high"), ("low", "low")])
def test_a_test_image_among_the_photos_is_refused(
    data: Path, artifacts: Path, seen: Seen, stage: str, key: str, side: str
) -> None:
    config = on_folders(data, artifacts, stage, *ON_PAIRS[stage], *NONE_HELD_OUT)
    write_photo(Path(config.unpaired[key]) / "copy.png", plain(MARKED[side][1]))
    message = rf"1 .*unpaired\.{key} .*v1/test.*copy"
    with pytest.raises(DRBNError, match=message):
        train(config, stage, [], publish=False)
    assert seen == {}


@LOL
@pytest.mark.parametrize("stage", ["quality", "recompose"])
def test_without_that_check_a_test_image_would_be_seen(
    data: Path, artifacts: Path, seen: Seen, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SemiSupervisedDataModule, "_keep_test_images_out", lambda self: None)
    test = data / "lol" / "eval15"
    words = [*ON_PAIRS[stage], f"unpaired.real_low={test / 'low'}", f"unpaired.high={test / 'high'}", *NONE_HELD_OUT]
    train(on_folders(data, artifacts, stage, *words, "trainer.limit_val_batches=0"), stage, [], publish=False)
    assert "DRBN.forward" in set(marked(seen, "low"))
    assert "Discriminator.forward" in set(marked(seen, "high"))
