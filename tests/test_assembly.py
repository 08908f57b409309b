from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from omegaconf import OmegaConf
from torch import Tensor, nn

from drbn_lightning.assembly import build_data, build_experiment, build_network, build_sources
from drbn_lightning.bands import Bands
from drbn_lightning.checkpoints.artifact import load
from drbn_lightning.data.datamodule import PairDataModule, SampleDataModule
from drbn_lightning.data.semi_supervised import SemiSupervisedDataModule
from drbn_lightning.data.unpaired.synthetic import SyntheticRatingsDataModule
from drbn_lightning.errors import DRBNError
from drbn_lightning.tasks.train import train
from tests.running import TINY, TINY_SCENES, composed, equal, published, vgg_file, weights

CONF = Path(__file__).parents[1] / "conf"
HARDWARE = {"gpu", "slurm"}  # trainers that cannot be built without a GPU
APART = {"train", "evaluate"}  # files that are no group's
STAGE_2 = {"unpaired", "recomposer", "discriminator", "criterion", "adversary", "perceptual", "real_images"}
INDIRECT = {"experiment_stage", "paths", "hydra", "test_sets", "camera"}  # groups that others bring in
OF_ONE_STAGE = "ablation/"  # experiments that choose their stage themselves


def files(group: str) -> list[str]:
    return sorted(str(file.relative_to(CONF / group).with_suffix("")) for file in (CONF / group).rglob("*.yaml"))


GROUPS = sorted(folder.name for folder in CONF.iterdir() if folder.is_dir() and list(folder.rglob("*.yaml")))
STAGES = files("stage")
CHOICES = [(group, name) for group in GROUPS if group not in INDIRECT for name in files(group)]
EXPERIMENTS = [(name, stage) for name in files("experiment") if OF_ONE_STAGE not in name for stage in STAGES]
ABLATIONS = [name for name in files("experiment") if OF_ONE_STAGE in name]


class Foreign(nn.Module):
    """A network from outside the package, with arguments of its own."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, 3, 3, padding=1))

    def forward(self, low: Tensor, thumbnail: Tensor | None = None) -> Bands:
        full = low + self.layers(low)
        return Bands(full, full[..., ::2, ::2], full[..., ::4, ::4])


FOREIGN = ("~network", f"+network={{_target_: {__name__}.Foreign, width: 4}}")


ROOTS = {"synthetic": (), "built_in": (), "mixed": ("parts.lol.root", "parts.photos.root")}
"""Keys of a data set's folders, where there is not just a root."""


def words(folder: Path, *choices: str, data: str = "lol_v1") -> list[str]:
    """Overrides with the folders that a data set needs."""
    roots = [f"data.{key}={folder / 'nowhere'}" for key in ROOTS.get(data, ("root",))]
    return [*choices, *roots, "data.num_workers=0"]


def data_of(experiment: str) -> str:
    """The data set that an experiment takes."""
    return "mixed" if experiment == "modern" else "lol_v2_real"


def needs(folder: Path, group: str, name: str) -> list[str]:
    """What a choice cannot be built without: files that a user would name."""
    chosen: dict[tuple[str, str], list[str]] = {
        ("perceptual", "vgg16"): [f"perceptual.weights={vgg_file(folder / 'vgg.npz')}"],
        ("unpaired", "ava"): [f"unpaired.root={folder}", f"unpaired.real_low={folder}"],
        ("unpaired", "csv"): [
            f"unpaired.root={folder}",
            f"unpaired.table={folder}/a.csv",
            f"unpaired.real_low={folder}",
        ],
        ("unpaired", "graded"): [f"unpaired.photos={folder}", f"unpaired.real_low={folder}"],
        ("unpaired", "folders"): [f"unpaired.high={folder}", f"unpaired.real_low={folder}"],
    }
    if group == "experiment" and OF_ONE_STAGE in name:
        return []
    if group == "experiment":
        return chosen["unpaired", "graded" if data_of(name) == "mixed" else "ava"] + chosen["perceptual", "vgg16"]
    return chosen.get((group, name), [])


def test_the_walk_finds_every_file() -> None:
    assert {"stage", "network", "data", "trainer", "logger", "callbacks", "experiment"} <= set(GROUPS)
    walked = {f"{group}/{name}" for group, name in CHOICES} | APART
    rest = {str(file.relative_to(CONF).with_suffix("")) for file in CONF.rglob("*.yaml")} - walked
    assert {name.split("/")[0] for name in rest} <= INDIRECT


BY_THEMSELVES = {("experiment", name) for name in ABLATIONS} | {("sweep", name) for name in files("sweep")}
"""Choices that choose a stage: tested below and in test_conf.py."""


@pytest.mark.parametrize(("group", "name"), [choice for choice in CHOICES if choice not in BY_THEMSELVES])
def test_every_choice_builds_everything(tmp_path: Path, group: str, name: str) -> None:
    published(tmp_path / "artifacts")
    stage = "recompose" if group in STAGE_2 else "band"
    chosen = {"stage": stage, "trainer": "cpu", group: name}
    data = {"data": name, "experiment": data_of(name)}.get(group, "synthetic")
    overrides = words(tmp_path, *(f"{key}={value}" for key, value in chosen.items()), data=data)
    config = composed(tmp_path, *overrides, *needs(tmp_path, group, name))
    resolved = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    assert isinstance(resolved, dict)
    if group == "trainer" and name in HARDWARE:
        assert resolved["trainer"]["accelerator"] == "gpu"
        assert isinstance(resolved["trainer"]["devices"], int)
        return
    experiment = build_experiment(config, chosen["stage"], [])
    assert isinstance(experiment.data, SampleDataModule)
    assert isinstance(experiment.stage, pl.LightningModule)
    assert isinstance(experiment.trainer, pl.Trainer)
    assert experiment.artifact == tmp_path / f"{chosen['stage']}.pt"
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(("experiment", "stage"), EXPERIMENTS)
def test_every_experiment_builds_for_every_stage(tmp_path: Path, experiment: str, stage: str) -> None:
    assert (CONF / "experiment_stage" / experiment / f"{stage}.yaml").is_file()
    published(tmp_path / "artifacts")
    choices = (f"experiment={experiment}", f"stage={stage}", "trainer.accelerator=cpu")
    plain = composed(tmp_path, f"stage={stage}")
    roots = words(tmp_path, *choices, data=data_of(experiment))
    config = composed(tmp_path, *roots, *needs(tmp_path, "experiment", experiment))
    assert (config.stage, config.trainer.max_epochs) != (plain.stage, plain.trainer.max_epochs)
    assert config.data._target_ != plain.data._target_
    build_experiment(config, stage, [])


@pytest.mark.parametrize("name", ABLATIONS)
def test_every_ablation_builds_for_its_stage_and_changes_what_it_says(tmp_path: Path, name: str) -> None:
    published(tmp_path / "artifacts")
    words = ["trainer.accelerator=cpu", "data.num_workers=0"]
    config = composed(tmp_path, *words, f"experiment={name}")
    stage = {"network": "band", "discriminator": "quality", "recomposer": "recompose"}[config.trains]
    if config.perceptual:
        words.append(f"perceptual.weights={vgg_file(tmp_path / 'vgg.npz')}")
    config = composed(tmp_path, *words, f"experiment={name}")
    experiment = build_experiment(config, stage, [])
    assert experiment.artifact == tmp_path / f"{stage}.pt"
    plain = composed(tmp_path, *words[:2], f"stage={stage}")
    as_they_are = {"ablation/whole", "ablation/high_mos", "ablation/no_perceptual"}  # as the defaults
    assert (config == plain) is (name in as_they_are)


@pytest.mark.slow
def test_ablations_leave_out_what_they_say(tmp_path: Path) -> None:
    configs = {name.removeprefix(OF_ONE_STAGE): composed(tmp_path, f"experiment={name}") for name in ABLATIONS}
    single, multi = configs["single_scale"], configs["multi_scale"]
    assert (single.network.recursions, single.stage.loss.lambda1, single.stage.loss.lambda2) == (1, 0, 0)
    assert (multi.network.recursions, multi.stage.loss.lambda1, multi.stage.loss.lambda2) == (1, 0.1, 0.1)
    assert configs["no_feature_residual"].network.feature_residual is False
    assert configs["no_recursive_input"].network.recursive_input is False
    assert configs["retinex"].network._target_.endswith("RetinexNet")
    assert configs["retinex"].stage == configs["whole"].stage
    assert (list(configs["targets"].sources), configs["targets"].stage.real_images) == (["data", "unpaired"], "targets")
    assert list(configs["high_mos"].sources) == ["unpaired"]
    modes = {name: config.stage.adversary for name, config in configs.items() if config.trains == "recomposer"}
    assert modes == {
        "recomposition": "joint", "no_perceptual": "joint", "no_quality": "none", "frozen_adversary": "frozen",
        "quality_on_targets": "joint",
    }  # fmt: skip
    assert not configs["no_perceptual"].perceptual
    assert configs["recomposition"].perceptual._target_.endswith("PerceptualLoss")
    assert configs["quality_on_targets"].stage.real_images == "targets"


def test_recipes_and_command_line_win_over_the_defaults(tmp_path: Path) -> None:
    paper = composed(tmp_path, "stage=band", "experiment=paper")
    assert (paper.data.crop_size, paper.data.repeats, paper.trainer.max_epochs) == (256, 1, 300)
    assert (paper.stage.optimizer.lr, paper.stage.loss.lambda1) == (1e-4, 0.1)
    assert paper.callbacks.ema is None
    assert paper.callbacks.best is not None
    released = composed(tmp_path, "stage=band", "experiment=released_code", "data.repeats=2", "data=lol_v1")
    assert (released.stage.loss.lambda1, released.stage.loss.downsampling) == (1.0, "stride")
    assert (released.data.repeats, released.data.release, released.network.first_guess) == (2, "v1", "input")


def test_stage_2_recipes_are_those_of_their_sources(tmp_path: Path) -> None:
    paper = composed(tmp_path, "stage=recompose", "experiment=paper")
    assert (paper.data.crop_size, paper.data.batch_size, paper.trainer.max_epochs) == (320, 1, 30)
    assert (paper.stage.optimizer.lr, paper.stage.discriminator_lr, paper.stage.scheduler) == (1e-4, 1e-6, None)
    assert (paper.stage.loss.detail_weight, paper.stage.loss.quality_weight) == (0.01, 1.0)
    assert (paper.recomposer._target_.split(".")[-1], paper.stage.adversary) == ("UNetRecomposer", "joint")
    assert paper.uses.quality == f"{tmp_path / 'artifacts'}/quality.pt"
    released = composed(tmp_path, "stage=recompose", "experiment=released_code")
    assert (released.data.crop_size, released.data.batch_size, released.trainer.max_epochs) == (128, 2, 300)
    assert (released.recomposer.weight_scale, released.recomposer.weight_offset) == (0.8, 0.6)
    assert (released.criterion.lowest_real, released.discriminator.head_padding) == (0.7, 1)
    assert (released.perceptual.normalize, released.stage.loss.quality_weight) == (False, 2.0)
    assert (released.stage.real_images, released.uses.quality) == ("both", None)
    assert (released.data.repeats, released.stage.discriminator_lr, released.stage.scoring_mode) == (2, 1e-6, "train")
    assert (released.stage.scheduler.after, released.stage.scheduler_interval) == (200, "epoch")


@pytest.mark.parametrize(
    ("stage", "missing", "words"),
    [
        ("quality", "band", []),
        ("recompose", "band", []),
        ("recompose", "quality", ["adversary=joint"]),
        ("recompose", "quality", ["adversary=frozen", "trainer=smoke"]),
    ],
)
def test_a_missing_network_is_named_with_the_command_that_makes_it(
    tmp_path: Path, stage: str, missing: str, words: list[str]
) -> None:
    (published(tmp_path / "artifacts") / f"{missing}.pt").unlink()
    message = rf"{missing}\.pt.*drbn_lightning\.train stage={missing}.*uses\.{missing}=PATH"
    with pytest.raises(DRBNError, match=message):
        build_experiment(composed(tmp_path, f"stage={stage}", *words), stage, [])


@pytest.mark.parametrize("words", [["adversary=none"], ["adversary=scratch"]])
def test_a_network_that_is_not_used_may_be_missing(tmp_path: Path, words: list[str]) -> None:
    (published(tmp_path / "artifacts") / "quality.pt").unlink()
    experiment = build_experiment(composed(tmp_path, "stage=recompose", *words), "recompose", [])
    assert ("discriminator" in dict(experiment.stage.named_children())) is (words == ["adversary=scratch"])


def test_an_earlier_network_of_another_stage_is_refused(tmp_path: Path) -> None:
    folder = published(tmp_path / "artifacts")
    config = composed(tmp_path, "stage=quality", f"uses.band={folder / 'quality.pt'}")
    with pytest.raises(DRBNError, match=r"quality\.pt.*stage=quality.*stage=band"):
        build_experiment(config, "quality", [])


def test_a_discriminator_that_would_not_be_taken_is_refused(tmp_path: Path) -> None:
    published(tmp_path / "artifacts")
    word = "discriminator.sorted_channels=false"
    config = composed(tmp_path, "stage=recompose", word)
    with pytest.raises(DRBNError, match=r"discriminator\.sorted_channels=false.*adversary=scratch"):
        build_experiment(config, "recompose", [word])
    build_experiment(composed(tmp_path, "stage=recompose", word, "adversary=scratch"), "recompose", [word])


@pytest.mark.parametrize(
    ("sources", "kind"), [("[unpaired]", SyntheticRatingsDataModule), ("[unpaired,data]", SemiSupervisedDataModule)]
)
def test_sources_choose_the_data(tmp_path: Path, sources: str, kind: type) -> None:
    published(tmp_path / "artifacts")
    assert isinstance(build_sources(composed(tmp_path, "stage=quality", f"sources={sources}")), kind)


def test_unknown_sources_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DRBNError, match=r"sources .*\['pairs'\].*\[data\]"):
        build_sources(composed(tmp_path, "stage=quality", "sources=[pairs]"))


@pytest.mark.parametrize("data", files("data"))
def test_every_data_set_can_be_evaluated(tmp_path: Path, data: str) -> None:
    config = composed(tmp_path, *words(tmp_path, f"data={data}", data=data), name="evaluate")
    assert isinstance(build_data(config), PairDataModule)
    assert config.checkpoint is None


@pytest.mark.parametrize(
    ("name", "devices", "nodes"),
    [("slurm", 1, 1), ("slurm", 4, 2)],
)
def test_slurm_takes_its_allocation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, devices: int, nodes: int
) -> None:
    for variable, value in (("SLURM_NTASKS_PER_NODE", devices), ("SLURM_NNODES", nodes)):
        monkeypatch.delenv(variable, raising=False)
        if value > 1:
            monkeypatch.setenv(variable, str(value))
    config = composed(tmp_path, "stage=band", f"trainer={name}").trainer
    assert (config.devices, config.num_nodes, config.strategy) == (devices, nodes, "ddp")


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("network.recursions=0", r"network\.recursions is 0"),
        ("network.first_guess=x", r"network\.first_guess.*'x'"),
        ("+network.wrong=1", r"network .*'wrong'"),
        ("network._target_=no_such_package.Network", r"network .*no_such_package"),
        ("stage.loss.downsampling=x", r"stage\.loss\.downsampling.*'x'"),
        ("+stage.loss.wrong=1", r"stage.*'wrong'"),
        ("stage.optimizer=null", r"stage\.optimizer"),
        ("data.batch_size=0", r"data\.batch_size is 0"),
        ("data.crop_size=500", r"data\.crop_size=500 .*data\.scene_size"),
        ("+data.camera.stops=[3, 1]", r"data.* stops"),
        ("data=lol_v1", r"data\.root is not set"),
        ("data=photos", r"data\.root is not set"),
        ("trainer.accelerator=x", r"trainer .*'x'"),
        ("trainer.precision=x", r"trainer .*'x'"),
        ("trainer.max_epochs=many", r"trainer\.max_epochs.*'many'"),
        ("trainer.max_steps=1.5", r"trainer\.max_steps.*1\.5"),
        ("callbacks.best.mode=x", r"best .*got x"),
        ("callbacks.last.folder=null", "last "),
        ("logger.csv.save_dir=null", "csv "),
    ],
)
def test_a_wrong_value_names_its_key(tmp_path: Path, word: str, message: str) -> None:
    with pytest.raises(DRBNError, match=message) as refusal:
        build_experiment(composed(tmp_path, "stage=band", "trainer.accelerator=cpu", word), "band", [])
    assert len(str(refusal.value).splitlines()) == 1


def test_null_switches_callbacks_and_loggers_off(tmp_path: Path) -> None:
    config = composed(tmp_path, "stage=band", "callbacks.ema=null", "callbacks.learning_rate=null", "logger.csv=null")
    experiment = build_experiment(config, "band", [])
    kinds = {type(callback).__name__ for callback in experiment.trainer.callbacks}  # type: ignore[attr-defined]
    assert not {"MovingAverage", "LearningRateMonitor"} & kinds
    assert {"BestCheckpoint", "ResumePoint", "ValidationImages", "Publisher"} <= kinds
    assert experiment.trainer.loggers == []


def test_the_description_builds_the_same_network_again(tmp_path: Path) -> None:
    network, description = build_network(composed(tmp_path, "stage=band", "network.recursions=3"))
    again = description.build()
    assert type(again) is type(network)
    assert {name: tensor.shape for name, tensor in again.state_dict().items()} == {
        name: tensor.shape for name, tensor in network.state_dict().items()
    }
    assert description.arguments["recursions"] == 3
    assert "_target_" not in description.arguments


def test_a_network_from_outside_trains_and_loads_without_a_change_inside(tmp_path: Path) -> None:
    options = [word for word in TINY if not word.startswith("network.")]
    config = composed(tmp_path, "stage=band", *options, *TINY_SCENES, *FOREIGN, "trainer.max_epochs=1")
    train(config, "band", [], publish=False)
    artifact = load(tmp_path / "band.pt", "band")
    assert isinstance(artifact.network, Foreign)
    assert artifact.description.arguments == {"width": 4}
    assert equal(artifact.network.state_dict(), weights(tmp_path / "band.pt"))
    assert artifact.network(torch.rand(1, 3, 8, 8)).full.shape == (1, 3, 8, 8)


def test_a_network_from_outside_may_be_a_file_of_the_users_own(tmp_path: Path) -> None:
    folder = tmp_path / "my_conf" / "network"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text(f"_target_: {__name__}.Foreign\nwidth: 5\n")
    search = f"hydra.searchpath=[file://{folder.parent}]"
    network, description = build_network(composed(tmp_path, "stage=band", search, "network=mine"))
    assert isinstance(network, Foreign)
    assert description.arguments == {"width": 5}
