import pickle
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import hydra.utils
import pytest
from hydra import compose, initialize_config_module
from hydra.conf import HydraConf
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.core.utils import setup_globals
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from drbn_lightning.errors import DRBNError
from drbn_lightning.runs import launch
from drbn_lightning.runs.launch import FolderClaim, SweepStart, own_devices, refuse_sweep_without_multirun
from tests.running import composed

CONF = Path(__file__).parents[2] / "conf"
LAUNCHERS = sorted(file.stem for file in (CONF / "hydra" / "launcher").glob("*.yaml"))
TRAINER = {"accelerator": "auto", "devices": 1}


def starting(*overrides: str, name: str = "train") -> DictConfig:
    """A configuration as Hydra has it before a run: read-only, and not yet known to `HydraConfig`."""
    with initialize_config_module("drbn_lightning.conf", version_base="1.3"):
        config = compose(name, overrides=list(overrides), return_hydra_config=True)
    OmegaConf.set_readonly(config.hydra, True)
    OmegaConf.clear_cache(config)  # it knows the time already
    return config


@pytest.mark.parametrize("name", ["train", "evaluate"])
def test_runs_and_sweeps_of_one_second_get_folders_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    runs, sweeps = ([starting(name=name) for _ in range(3)] for _ in range(2))
    OmegaConf.register_new_resolver("now", lambda _: "now", use_cache=True, replace=True)
    try:
        starts = [hydra.utils.instantiate(config.hydra.callbacks.claim) for config in runs]
        for start, run, sweep in zip(starts, runs, sweeps, strict=True):
            start.on_run_start(config=run)
            start.on_multirun_start(config=sweep)
    finally:
        setup_globals()
    parent = "outputs/band" if name == "train" else "outputs/evaluate"
    assert [run.hydra.run.dir for run in runs] == [f"{parent}/now", f"{parent}/now_2", f"{parent}/now_3"]
    folders = [sweep.hydra.sweep.dir for sweep in sweeps]
    assert folders == ["multirun/now/now", "multirun/now/now_2", "multirun/now/now_3"]
    assert [sweep.hydra.overrides.hydra[-1] for sweep in sweeps] == [f"hydra.sweep.dir='{one}'" for one in folders]
    assert all(Path(folder).is_dir() for folder in folders)
    assert pickle.loads(pickle.dumps(starts[0])) is not None  # as launchers do
    for start, sweep in zip(starts, sweeps, strict=True):
        start.on_multirun_end(config=sweep)


def test_a_folder_that_is_named_is_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        config = starting("hydra.run.dir=mine", "hydra.sweep.dir='my ${now:%Y}'")
        start = FolderClaim()
        start.on_run_start(config=config)
        start.on_multirun_start(config=config)
        start.on_multirun_end(config=config)
        assert (config.hydra.run.dir, config.hydra.sweep.dir[:5]) == ("mine", "my 20")


def test_a_log_that_cannot_be_written_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine" / "train.log").mkdir(parents=True)
    with pytest.raises(SystemExit) as ended:
        FolderClaim().on_run_start(config=starting("hydra.run.dir=mine", "hydra.job.name=train"))
    assert ended.value.code == 1
    assert (
        capsys.readouterr().err
        == "error: mine/train.log cannot be written: a folder is in its place; choose another folder\n"
    )
    FolderClaim().on_run_start(config=starting("hydra.run.dir=mine", "hydra/job_logging=disabled"))


def test_a_place_where_no_folder_can_be_made_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "outputs").touch()
    with pytest.raises(SystemExit, match="1"):
        FolderClaim().on_run_start(config=starting())
    message = capsys.readouterr().err
    assert "outputs" in message
    assert message.count("\n") == 1


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
    launcher = OmegaConf.load(CONF / "hydra" / "launcher" / f"{name}.yaml")
    places = {"sweep": {"dir": "many"}}
    config = OmegaConf.create({"hydra": {"launcher": launcher, **places}})
    made = Plugins.instance()._instantiate(config.hydra.launcher)
    assert type(made).__name__ == launcher._target_.rsplit(".", 1)[1]
    from hydra_plugins.hydra_joblib_launcher.config import JobLibLauncherConf
    from hydra_plugins.hydra_submitit_launcher.config import SlurmQueueConf

    fields = OmegaConf.structured({"parallel": JobLibLauncherConf, "slurm": SlurmQueueConf}[name])
    assert set(launcher) <= set(fields)


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
