import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from hydra.conf import HydraConf
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.core.utils import setup_globals
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from drbn_lightning.errors import DRBNError
from drbn_lightning.runs import launch
from drbn_lightning.runs.launch import SweepStart, own_devices, refuse_sweep_without_multirun
from tests.running import composed

CONF = Path(__file__).parents[2] / "conf"
LAUNCHERS = sorted(file.stem for file in (CONF / "hydra" / "launcher").glob("*.yaml"))
TRAINER = {"accelerator": "auto", "devices": 1}


@pytest.fixture(autouse=True)
def _no_choice_of_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("LOCAL_RANK", raising=False)


def about(launcher: str = launch.PARALLEL, mode: RunMode = RunMode.MULTIRUN) -> HydraConf:
    chosen = {"mode": mode, "launcher": {"_target_": f"a.{launcher}"}, "job": {"num": 0}}
    return OmegaConf.create(chosen)  # type: ignore[return-value]  # what is read of it


@pytest.fixture
def four_gpus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 4)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["drbn"])
    yield
    assert any(tmp_path.glob("drbn_lightning_devices_*/*.lock"))


@pytest.mark.usefixtures("four_gpus")
def test_parallel_jobs_and_their_other_processes_take_their_own_gpus() -> None:
    first, second = (DictConfig({"trainer": {**TRAINER, "devices": 2}}) for _ in range(2))
    with own_devices(first, about()), own_devices(second, about()):
        assert (first.trainer.devices, second.trainer.devices) == ([0, 1], [2, 3])
        assert sys.argv == ["drbn", "trainer.devices=[0,1]", "trainer.devices=[2,3]"]


@pytest.mark.parametrize(
    ("trainer", "job"),
    [
        ({"accelerator": "cpu"}, about()),
        ({"devices": 4}, about()),
        ({"devices": -1}, about()),
        ({}, about("BasicLauncher")),
        ({}, about(mode=RunMode.RUN)),
    ],
)
def test_other_jobs_keep_the_devices_that_they_were_given(
    monkeypatch: pytest.MonkeyPatch, trainer: dict[str, object], job: HydraConf
) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 4)
    config = DictConfig({"trainer": {**TRAINER, **trainer}})
    before = config.copy()
    with own_devices(config, job):
        assert config == before


@pytest.mark.parametrize(("gpus", "devices", "jobs"), [(0, 1, 6), (4, 1, 4), (4, 2, 2), (0, 8, 1), (4, "auto", 1)])
def test_as_many_jobs_at_a_time_as_fit(monkeypatch: pytest.MonkeyPatch, gpus: int, devices: object, jobs: int) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: gpus)
    monkeypatch.setattr("joblib.cpu_count", lambda: 6)
    launcher = OmegaConf.load(CONF / "hydra" / "launcher" / "parallel.yaml")
    config = OmegaConf.create({"trainer": {**TRAINER, "devices": devices}, "hydra": {"launcher": launcher}})
    OmegaConf.set_readonly(config, True)
    SweepStart().on_multirun_start(config)
    assert config.hydra.launcher.n_jobs == jobs


@pytest.mark.parametrize("name", LAUNCHERS)
def test_a_launcher_is_there_or_its_extra_is_named(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    launcher = OmegaConf.load(CONF / "hydra" / "launcher" / f"{name}.yaml")
    choices = {"runtime": {"choices": {"hydra/launcher": name}}}
    config = OmegaConf.create({"trainer": {**TRAINER}, "hydra": {"launcher": launcher, **choices}})
    if find_spec("hydra_plugins." + launcher._target_.split(".")[1]) is not None:
        SweepStart().on_multirun_start(config)
        assert config.hydra.launcher.get("n_jobs", 1) is not None
    monkeypatch.setattr(launch, "find_spec", lambda _: None)
    with pytest.raises(SystemExit):
        SweepStart().on_multirun_start(config)
    extra = "ray" if name == "ray" else "sweep"
    assert f"hydra/launcher={name} is not installed: pip install 'drbn-lightning[{extra}]'" in capsys.readouterr().err


@pytest.mark.parametrize("name", [name for name in LAUNCHERS if name != "ray"])
def test_a_launcher_takes_every_key_of_its_file(name: str) -> None:
    setup_globals()
    given = OmegaConf.load(CONF / "hydra" / "launcher" / f"{name}.yaml")
    places = {"sweep": {"dir": "many"}}
    config = OmegaConf.create({"hydra": {"launcher": given, **places}})
    made = Plugins.instance()._instantiate(config.hydra.launcher)
    assert type(made).__name__ == given._target_.rsplit(".", 1)[1]
    from hydra_plugins.hydra_joblib_launcher.config import JobLibLauncherConf
    from hydra_plugins.hydra_submitit_launcher.config import SlurmQueueConf

    known = OmegaConf.structured({"parallel": JobLibLauncherConf, "slurm": SlurmQueueConf}[name])
    assert set(given) <= set(known)


def test_a_sweep_without_multirun_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    GlobalHydra.instance().clear()
    config = composed(tmp_path, "sweep=recursions")
    job = OmegaConf.create({"mode": RunMode.RUN, "runtime": {"choices": {"sweep": "recursions"}}})
    with pytest.raises(DRBNError, match="-m sweep=recursions"):
        refuse_sweep_without_multirun(config, job)  # type: ignore[arg-type]  # what is read of it
    job.runtime.choices.sweep = None
    refuse_sweep_without_multirun(config, job)  # type: ignore[arg-type]
    job.runtime.choices.sweep = "recursions"
    config.resume = "run"  # the rest of one job
    refuse_sweep_without_multirun(config, job)  # type: ignore[arg-type]
    config.resume = None
    monkeypatch.setenv("LOCAL_RANK", "1")  # another process of one job
    refuse_sweep_without_multirun(config, job)  # type: ignore[arg-type]
    job.mode = RunMode.MULTIRUN
    refuse_sweep_without_multirun(config, job)  # type: ignore[arg-type]
