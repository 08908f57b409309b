from pathlib import Path

import pytest
from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import OmegaConf

from drbn_lightning.runs.labels import label, register
from tests.running import tiny

CONTENT = {
    "mode": "MULTIRUN",
    "job": {"num": 3},
    "sweep": {"dir": "multirun/2026-11-25/08-00-00"},
    "runtime": {
        "output_dir": "outputs/band/2026-11-25_08-00-00",
        "cwd": ".",
        "choices": {"stage": "band", "data": "lol_v1", "experiment": None},
    },
    "overrides": {"task": ["stage=band", "network.recursions=2"]},
}


@pytest.fixture
def hydra_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if Hydra had started a job."""
    hydra = OmegaConf.merge(OmegaConf.structured(HydraConf), CONTENT)
    monkeypatch.setattr(HydraConfig.instance(), "cfg", OmegaConf.create({"hydra": hydra}))


def test_outside_of_hydra_there_are_none(tmp_path: Path) -> None:
    register()
    assert [label(what) for what in ("name", "group", "tags")] == [None] * 3
    wandb = tiny(tmp_path, "logger=wandb").logger.wandb
    assert (wandb.name, wandb.group, wandb.tags) == (None, None, None)


def test_an_unknown_label_is_an_error() -> None:
    with pytest.raises(KeyError):
        label("colour")


def test_a_job_of_a_sweep(hydra_says: None) -> None:
    assert label("group") == "2026-11-25_08-00-00"
    assert label("tags") == ["band", "lol_v1", "sweep"]
    assert label("name") == "3 stage=band network.recursions=2"


def test_what_was_said_of_the_whole_sweep_is_not_in_the_name(hydra_says: None, tmp_path: Path) -> None:
    (tmp_path / "multirun.yaml").write_text("hydra: {overrides: {task: [stage=band, 'network.recursions=1,2']}}")
    HydraConfig.get().sweep.dir = str(tmp_path)
    register()
    assert OmegaConf.create({"name": "${run:name}"}).name == "3 network.recursions=2"


def test_a_single_run(hydra_says: None) -> None:
    HydraConfig.get().mode = RunMode.RUN
    HydraConfig.get().runtime.choices["experiment"] = "paper"
    assert label("name") == "band_2026-11-25_08-00-00"
    assert label("group") is None
    assert label("tags") == ["band", "lol_v1", "paper"]
