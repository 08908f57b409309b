"""All stages one after the other, as a user runs them: each finds what the one before has left."""

import csv
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from omegaconf import DictConfig
from torch import Tensor

from drbn_lightning.checkpoints.artifact import HEADER, identity, load
from drbn_lightning.errors import DRBNError
from drbn_lightning.networks.vgg import VGG16Features
from drbn_lightning.tasks.evaluate import evaluate
from drbn_lightning.tasks.train import train
from tests.running import composed, published, tiny, tiny_photos, vgg_file, weights

SCENES = ("data.scene_size=24", "data.crop_size=16", "data.test_scenes=2", "data.test_size=30", "data.num_workers=0")
PHOTOS = ("short_side=24", "crop_size=16", "test_photos=6", "real_low_test_photos=2", "num_workers=0")
ON = ("device=cpu", *SCENES, *(f"unpaired.{word}" for word in PHOTOS))
NOTE = "took part in the training of stage 2"


class Chain(NamedTuple):
    """Folders of the runs, where they publish, and what `band.pt` was before the others ran."""

    root: Path
    artifacts: Path
    band: bytes


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    root = tmp_path_factory.mktemp("chain")
    artifacts = root / "artifacts"
    common = (f"paths.artifacts={artifacts}", "trainer.max_epochs=1")
    train(tiny(root / "band", *common), "band", [], publish=True)
    before = (artifacts / "band.pt").read_bytes()
    train(tiny_photos(root / "quality", "quality", *common), "quality", [], publish=True)
    vgg = ("perceptual=vgg16", f"perceptual.weights={vgg_file(root / 'vgg.npz')}")
    for adversary in ("frozen", "joint"):
        config = tiny_photos(root / adversary, "recompose", *common, *vgg, f"adversary={adversary}")
        train(config, "recompose", [], publish=adversary == "joint")
    return Chain(root, artifacts, before)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A discriminator that had nothing to do with it."""
    return published(tmp_path_factory.mktemp("other"), seed=5) / "quality.pt"


def scoring(chain: Chain, folder: Path, *words: str) -> DictConfig:
    return composed(folder, *ON, f"paths.artifacts={chain.artifacts}", *words, name="evaluate")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def tensors(content: Any) -> Iterator[Tensor]:  # noqa: ANN401 whatever a checkpoint holds
    """All tensors of a checkpoint: of networks, moving averages and optimizers."""
    if isinstance(content, Tensor):
        yield content
    elif isinstance(content, dict | list | tuple):
        for part in content.values() if isinstance(content, dict) else content:
            yield from tensors(part)


def digests(tensors: Iterator[Tensor]) -> set[str]:
    """What tensors hold, those left out that are the same everywhere, such as biases of zero."""
    told = (tensor.detach().contiguous() for tensor in tensors if tensor.numel() and tensor.amin() < tensor.amax())
    return {hashlib.sha256(f"{tuple(t.shape)}".encode() + t.numpy().tobytes()).hexdigest() for t in told}


def checkpoints(chain: Chain, adversary: str) -> dict[str, dict[str, Any]]:
    folder = chain.root / adversary
    places = (folder / "recompose.pt", folder / "checkpoints" / "best.ckpt", folder / "checkpoints" / "last.ckpt")
    return {place.name: torch.load(place, weights_only=True) for place in places}


def test_every_stage_publishes_for_the_next(chain: Chain) -> None:
    assert sorted(file.name for file in chain.artifacts.iterdir()) == ["band.pt", "quality.pt", "recompose.pt"]
    for stage, folder in (("band", "band"), ("quality", "quality"), ("recompose", "joint")):
        assert (chain.artifacts / f"{stage}.pt").read_bytes() == (chain.root / folder / f"{stage}.pt").read_bytes()


def test_every_stage_says_what_it_used(chain: Chain) -> None:
    band, quality = (load(chain.artifacts / f"{stage}.pt", stage) for stage in ("band", "quality"))
    recompose = load(chain.artifacts / "recompose.pt", "recompose")
    assert quality.provenance["used"] == {"band": identity(band.network)}
    assert recompose.provenance["used"] == {"band": identity(band.network), "quality": identity(quality.network)}
    needed = {"path": str(chain.artifacts / "band.pt"), "identity": identity(band.network)}
    assert recompose.needs == {"band": needed}
    assert quality.needs == {}
    for content in checkpoints(chain, "joint").values():
        assert content[HEADER]["needs"] == {"band": needed}


def test_what_shaped_stage_2_is_among_what_it_was_trained_on(chain: Chain) -> None:
    recompose = load(chain.artifacts / "recompose.pt", "recompose")
    assert {seen["name"] for seen in recompose.trained_on} == {"synthetic/train", "graded/train"}


def test_later_stages_leave_the_file_of_stage_1_as_it_is(chain: Chain) -> None:
    assert (chain.artifacts / "band.pt").read_bytes() == chain.band


@pytest.mark.parametrize("adversary", ["frozen", "joint"])
def test_checkpoints_of_stage_2_hold_stage_2_alone(chain: Chain, adversary: str) -> None:
    recomposer = {name: tensor.shape for name, tensor in weights(chain.artifacts / "recompose.pt").items()}
    discriminator = weights(chain.artifacts / "quality.pt")
    foreign = digests(tensors([weights(chain.artifacts / "band.pt")]))
    foreign |= digests(tensors(list(VGG16Features(str(chain.root / "vgg.npz")).state_dict().values())))
    assert len(foreign) > 20
    learned = {f"network.{name}": shape for name, shape in recomposer.items()}
    if adversary == "joint":
        learned |= {f"discriminator.{name}": tensor.shape for name, tensor in discriminator.items()}
    else:
        foreign |= digests(tensors(discriminator))
    for file, content in checkpoints(chain, adversary).items():
        shapes = {name: tensor.shape for name, tensor in content["state_dict"].items()}
        assert shapes == (recomposer if file == "recompose.pt" else learned), file
        assert not digests(tensors(content)) & foreign, file
        if file != "recompose.pt":
            assert {name: tensor.shape for name, tensor in content["current_model_state"].items()} == learned
            moments = [state["exp_avg"].shape for state in content["optimizer_states"][0]["state"].values()]
            buffers = ("running_mean", "running_var", "num_batches_tracked")
            assert moments == [shape for name, shape in learned.items() if not name.endswith(buffers)]


def test_a_joint_discriminator_learns_all_but_its_statistics(chain: Chain) -> None:
    before = weights(chain.artifacts / "quality.pt")
    after = checkpoints(chain, "joint")["last.ckpt"]["current_model_state"]
    changed = [name for name, tensor in before.items() if not torch.equal(tensor, after[f"discriminator.{name}"])]
    assert "head.weight" in changed
    assert not [name for name in changed if "running" in name]  # its statistics are those of its own training


@pytest.fixture(scope="module")
def report(chain: Chain, other: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """The published networks scored on everything: the folder, and what came back."""
    folder = tmp_path_factory.mktemp("report")
    return folder, evaluate(scoring(chain, folder, f"quality_model={other}", "images=1"))


def test_stage_2_is_scored_beside_stage_1(report: tuple[Path, float]) -> None:
    folder, result = report
    scores = rows(folder / "scores.csv")
    methods = [row["method"] for row in scores[:4]]
    assert [methods[0], *methods[2:]] == ["input", "band", "recompose"]
    assert methods[1].startswith("best gamma 0.")
    own = [float(row["psnr"]) for row in scores if row["method"] == "recompose"]
    assert len(own) == 2
    assert result == pytest.approx(sum(own) / 2, abs=1e-3)


def test_the_report_has_images_and_figures(report: tuple[Path, float]) -> None:
    folder = report[0]
    assert sorted(file.name for file in (folder / "images").iterdir()) == ["scene_000.png", "scene_000_stages.png"]
    figures = ["figure_5_guidance.png", "figure_6_bands.png", "figure_7_weights.png"]
    assert sorted(file.name for file in (folder / "figures").iterdir()) == figures
    assert [file.name for file in (folder / "photos").iterdir()] == ["real_low_000.png"]


def test_the_quality_model_scores_every_low_light_photo_by_every_method(report: tuple[Path, float]) -> None:
    lines = [(row["image"], row["method"]) for row in rows(report[0] / "photos.csv")]
    assert lines == [(f"real_low_00{n}", method) for n in range(2) for method in ("input", "band", "recompose")]


def test_a_quality_model_that_took_part_is_called_out(
    chain: Chain, other: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = chain.artifacts / "quality.pt"
    for score, took_part in ((own, True), (other, False)):
        evaluate(scoring(chain, tmp_path, f"quality_model={score}", "images=0"))
        assert (f"note: {score} {NOTE}" in capsys.readouterr().out) is took_part
    last = chain.root / "joint" / "checkpoints" / "last.ckpt"
    evaluate(scoring(chain, tmp_path, f"quality_model={own}", "images=0", f"checkpoint={last}"))
    assert NOTE in capsys.readouterr().out


def test_a_quality_model_has_nothing_to_do_with_stage_1(
    chain: Chain, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    band, score = chain.artifacts / "band.pt", chain.artifacts / "quality.pt"
    evaluate(scoring(chain, tmp_path, f"quality_model={score}", "images=1", f"checkpoint={band}"))
    assert NOTE not in capsys.readouterr().out
    assert {row["method"] for row in rows(tmp_path / "photos.csv")} == {"input", "band"}
    assert [file.name for file in (tmp_path / "images").iterdir()] == ["scene_000.png"]
    assert not (tmp_path / "figures").exists()


def test_checkpoints_of_a_run_are_scored_too(chain: Chain, report: tuple[Path, float], tmp_path: Path) -> None:
    for name in ("best", "last"):
        place = chain.root / "joint" / "checkpoints" / f"{name}.ckpt"
        result = evaluate(scoring(chain, tmp_path, f"checkpoint={place}", "images=0", "baselines=[]"))
        assert result == pytest.approx(report[1])  # one epoch: the best one is the last one
        assert {row["method"] for row in rows(tmp_path / "scores.csv")} == {"band", "recompose"}
        assert not (tmp_path / "photos.csv").exists()


def test_a_discriminator_is_scored_by_people(chain: Chain, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for place in (chain.artifacts / "quality.pt", chain.root / "quality" / "checkpoints" / "last.ckpt"):
        result = evaluate(scoring(chain, tmp_path, f"checkpoint={place}"))
        output = capsys.readouterr().out
        assert f"AUROC, high against low: {result:.4f}" in output
        assert "Spearman, quality with MOS: " in output
        assert "(6 photos)" in output


@pytest.mark.parametrize("stage", ["quality", "recompose"])
@pytest.mark.parametrize("words", [(), ("trainer=smoke",)])
def test_without_stage_1_the_command_that_makes_it_is_named(tmp_path: Path, stage: str, words: tuple[str, ...]) -> None:
    message = r"artifacts/band\.pt.*drbn_lightning\.train stage=band"
    with pytest.raises(DRBNError, match=message):
        train(tiny_photos(tmp_path, stage, *words), stage, [], publish=True)
    assert {path.name for path in tmp_path.iterdir()} == {".lock", "run.json", "config.yaml"}  # the record says why
