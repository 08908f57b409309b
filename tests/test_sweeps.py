"""Sweeps by Optuna: the sweeper with a task that only computes, and, marked slow, with real trainings and processes."""

import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import optuna
import pytest
from hydra import compose, initialize_config_module
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig, OmegaConf
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.study import Study
from optuna.trial import TrialState

from drbn_lightning import train
from drbn_lightning.assembly import build_experiment
from drbn_lightning.errors import DRBNError
from drbn_lightning.overrides import quoted
from drbn_lightning.runs.claims import LOCK
from drbn_lightning.runs.trials import PRUNED, TrialAddress, open_storage
from drbn_lightning.tasks import train as training
from hydra_plugins.drbn_optuna._search import JOURNAL
from hydra_plugins.drbn_optuna._space import distribution_of, read_space
from tests.marks import slow_but
from tests.reader import undisturbed
from tests.running import TINY, TINY_SCENES, composed, published
from tests.runs.test_claims import holder

CONF = Path(__file__).parents[1] / "conf"

Task = Callable[[DictConfig], float | None]
RATES = "stage.optimizer.lr=tag(log,interval(1e-4,1e-1))"


def figure(config: DictConfig) -> float:
    """The best learning rate is 1e-3."""
    return -abs(math.log10(config.stage.optimizer.lr) + 3)


class Sweep:
    """Runs sweeps in this process and in one folder; `task` stands for the training."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
        self.folder, self.monkeypatch, self.capfd = folder, monkeypatch, capfd
        self.ran: list[int] = []

    def __call__(self, *words: str, task: Task = figure) -> str:
        """Run a sweep; what it says."""

        def trained(config: DictConfig, *_: object, **__: object) -> float | None:
            self.ran.append(int(Path(config.paths.output_dir).name))
            return task(config)

        self.ran.clear()
        self.monkeypatch.setattr(training, "train", trained)
        place = ("hydra/sweeper=optuna", f"hydra.sweep.dir={self.folder}", "hydra/hydra_logging=disabled")
        self.monkeypatch.setattr(sys, "argv", ["drbn", "-m", *place, *words])
        train.main()
        return self.capfd.readouterr().out

    def failing(self, *words: str, task: Task = figure) -> tuple[str, object]:
        """Run a sweep that ends badly; what it says on standard error, and its exit status."""
        with pytest.raises(SystemExit) as end:
            self(*words, task=task)
        message = self.capfd.readouterr().err
        assert "Traceback" not in message
        return message, end.value.code

    @property
    def results(self) -> dict[str, Any]:
        loaded = OmegaConf.to_container(OmegaConf.load(self.folder / "optimization_results.yaml"))
        assert isinstance(loaded, dict)
        return {str(name): value for name, value in loaded.items()}

    @property
    def states(self) -> list[str]:
        return [trial["state"] for trial in self.results["trials"]]

    @property
    def study(self) -> Study:
        return optuna.load_study(study_name="drbn", storage=open_storage(str(self.folder / JOURNAL)))


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Sweep]:
    monkeypatch.chdir(tmp_path)
    with undisturbed():
        yield Sweep(tmp_path / "sweep", monkeypatch, capfd)


def interrupted_at(number: int, task: Task = figure) -> Task:
    def interrupted(config: DictConfig) -> float | None:
        if Path(config.paths.output_dir).name == str(number):
            raise KeyboardInterrupt("stopped")
        return task(config)

    return interrupted


def basic_launcher() -> type[Launcher]:
    """The class that Hydra uses: it makes its plugins anew when it first looks for them."""
    launcher = Plugins.instance().class_name_to_class["hydra._internal.core_plugins.basic_launcher.BasicLauncher"]
    assert issubclass(launcher, Launcher)
    return launcher


def test_the_best_of_all_trials_is_reported(sweep: Sweep) -> None:
    output = sweep("hydra.sweeper.n_trials=4", RATES, "seed=7", "network.recursions=1,2")
    assert sweep.ran == [0, 1, 2, 3]
    values = [trial.value for trial in sweep.study.trials]
    best = max(range(4), key=lambda number: values[number] or -math.inf)
    assert len(set(values)) > 1
    assert f"best trial: {best}, val/psnr {values[best]:.4f}" in output
    results = sweep.results
    assert (results["best_trial"], results["best_value"], results["direction"]) == (best, values[best], "maximize")
    assert Path(results["best_folder"]) == sweep.folder / str(best)
    assert results["best_params"]["network.recursions"] in {"1", "2"}
    words = (sweep.folder / str(best) / ".hydra" / "overrides.yaml").read_text()
    assert f"stage.optimizer.lr={results['best_params']['stage.optimizer.lr']}" in words
    assert "seed=7" in words


@pytest.mark.slow
def test_the_stage_says_whether_less_is_better(sweep: Sweep) -> None:
    sweep("stage=quality", "hydra.sweeper.n_trials=3", RATES, task=lambda config: -figure(config))
    assert (sweep.results["metric"], sweep.results["direction"]) == ("val/loss", "minimize")
    assert sweep.results["best_value"] == min(trial["value"] for trial in sweep.results["trials"])


@pytest.mark.slow
def test_another_figure_and_direction_can_be_named(sweep: Sweep) -> None:
    sweep("monitor.metric=val/ssim", "hydra.sweeper.direction=minimize", "hydra.sweeper.n_trials=2", RATES)
    assert (sweep.results["metric"], sweep.results["direction"]) == ("val/ssim", "minimize")
    message, _ = sweep.failing("hydra.sweeper.direction=up", RATES)
    assert "hydra.sweeper.direction" in message


@pytest.mark.slow
def test_a_failed_trial_does_not_stop_the_others(sweep: Sweep) -> None:
    def failing_once(config: DictConfig) -> float | None:
        if config.paths.output_dir.endswith("/1"):
            raise DRBNError("network.recursions is 0")
        return None if config.paths.output_dir.endswith("/2") else figure(config)

    message, status = sweep.failing("hydra.sweeper.n_trials=4", RATES, task=failing_once)
    assert status == 1
    assert "2 of 4 trials failed" in message
    assert "trial 1: network.recursions is 0" in message
    assert sweep.states == ["complete", "fail", "fail", "complete"]
    assert [trial.get("reason") for trial in sweep.results["trials"]][1:3] == [
        "network.recursions is 0",
        "its val/psnr is None",
    ]
    sweep("hydra.sweeper.n_trials=4", RATES)  # failed trials count: nothing is left to do
    assert sweep.ran == []


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_stopped_study_is_completed(sweep: Sweep, sampler: str) -> None:
    words = ("hydra.sweeper.n_trials=4", f"hydra.sweeper.sampler={sampler}", RATES)
    message, status = sweep.failing(*words, task=interrupted_at(2))
    assert status == 130
    assert "stopped with 2 of 4 trials" in message
    assert "python -m drbn_lightning.train -m hydra/sweeper=optuna" in message
    assert f"hydra.sweep.dir={sweep.folder}" in message
    before = {file: file.read_bytes() for number in range(2) for file in (sweep.folder / str(number)).rglob("*.yaml")}
    sweep(*words)
    assert sweep.ran == [3, 4]
    trials = sweep.results["trials"]
    assert sweep.states == ["complete"] * 2 + ["cut short"] + ["complete"] * 2
    assert trials[3]["again"] == 2
    assert trials[3]["params"] == trials[2]["params"]
    assert len({trial["params"]["stage.optimizer.lr"] for trial in trials}) == 4  # no point twice but that one
    assert before == {file: file.read_bytes() for file in before}
    sweep(*words[1:], "hydra.sweeper.n_trials=5")
    assert sweep.ran == [5]


@pytest.mark.slow
def test_another_study_in_the_folder_is_refused(sweep: Sweep) -> None:
    sweep("hydra.sweeper.n_trials=1", RATES)
    for words, different in [
        (["stage.optimizer.lr=interval(0.1,1)"], "searched"),
        ([RATES, "hydra.sweeper.direction=minimize"], "direction"),
        ([RATES, "monitor.metric=val/ssim"], "metric"),
    ]:
        message, status = sweep.failing("hydra.sweeper.n_trials=2", *words)
        assert status == 1
        assert f"another {different}" in message
        assert str(sweep.folder / JOURNAL) in message
    assert sweep.ran == []


@pytest.mark.slow
def test_a_grid_is_tried_point_by_point(sweep: Sweep) -> None:
    words = ("hydra.sweeper.sampler=grid", "network.recursions=range(1,3)", "stage.optimizer.lr=choice(1e-3,1e-2)")
    sweep.failing(*words, task=interrupted_at(2))
    sweep(*words)
    tried = [tuple(trial["params"].values()) for trial in sweep.results["trials"] if trial["state"] == "complete"]
    assert sorted(tried) == sorted((recursions, rate) for recursions in (1, 2) for rate in ("0.001", "0.01"))
    message, _ = sweep.failing("hydra.sweeper.sampler=grid", RATES, "hydra.sweeper.study_name=other")
    assert "stage.optimizer.lr" in message


@pytest.mark.slow
def test_several_trials_go_to_the_launcher_at_once(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    launcher, sizes = basic_launcher(), []
    launch = launcher.launch

    def counting(self: Launcher, job_overrides: Any, initial_job_idx: int) -> Any:  # noqa: ANN401 Hydra's
        sizes.append((initial_job_idx, len(job_overrides)))
        return launch(self, job_overrides, initial_job_idx)

    monkeypatch.setattr(launcher, "launch", counting)
    sweep("hydra.sweeper.n_trials=5", "hydra.sweeper.n_jobs=3", RATES)
    assert sizes == [(0, 3), (3, 2)]
    assert sweep.ran == [0, 1, 2, 3, 4]


def test_a_launcher_that_breaks_down_fails_its_trials(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a worker was killed")

    monkeypatch.setattr(basic_launcher(), "launch", broken)
    message, _ = sweep.failing("hydra.sweeper.n_trials=2", RATES)
    assert "trial 1: a worker was killed" in message
    assert sweep.states == ["fail", "fail"]
    assert sweep.results["best_trial"] is None


@pytest.mark.slow
def test_pruned_trials_are_told_so_and_the_job_knows_its_trial(sweep: Sweep) -> None:
    def hopeless(config: DictConfig) -> float | None:
        address = TrialAddress.of_this_job()
        assert address is not None
        trial = address.open()
        assert str(trial.number) == Path(config.paths.output_dir).name
        trial.report(figure(config), 1)
        if trial.should_prune():
            trial.set_user_attr(PRUNED, "after validation 1")
        return figure(config)

    limit = ("hydra.sweeper.pruner=threshold", "+hydra.sweeper.pruner_options.lower=-1", "hydra.sweeper.n_trials=4")
    sweep(*limit, RATES, task=hopeless)
    values = [(trial["state"], trial["value"]) for trial in sweep.results["trials"]]
    assert {state for state, _ in values} == {"pruned", "complete"}
    assert [state for state, value in values] == ["complete" if value >= -1 else "pruned" for _, value in values]
    assert TrialAddress.of_this_job() is None


@pytest.mark.slow
def test_a_database_will_do(sweep: Sweep) -> None:
    place = f"sqlite:///{sweep.folder.parent / 'study.db'}"
    sweep("hydra.sweeper.n_trials=2", f"hydra.sweeper.storage={place}", RATES)
    study = optuna.load_study(study_name="drbn", storage=place)
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE] * 2
    assert not (sweep.folder / JOURNAL).exists()
    message, _ = sweep.failing("hydra.sweeper.storage=nosuch://study.db", RATES)
    assert "hydra.sweeper.storage" in message


@pytest.mark.slow
@pytest.mark.parametrize("runs", [True, False])
def test_a_study_of_two_sweeps(sweep: Sweep, runs: bool) -> None:
    """What another sweep runs at the moment is left to it; what one that has died has left is tried again."""
    first, second = sweep.folder, sweep.folder.with_name("second")
    words = (f"hydra.sweeper.storage=sqlite:///{first.parent / 'study.db'}", "hydra.sweeper.n_trials=2", RATES)
    sweep.failing(*words, task=interrupted_at(1))
    (first / LOCK).open().close()  # lets go of it, as the end of its process would
    sweep.folder = second
    with holder(first) if runs else nullcontext():
        sweep(*words)
    assert sweep.ran == [2]
    assert sweep.states == ["complete", "running" if runs else "cut short", "complete"]
    again = [trial["params"] for trial in sweep.results["trials"]]
    assert (again[1] == again[2]) is not runs


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("hydra.sweeper.sampler=magic", "tpe"),
        ("hydra.sweeper.pruner=magic", "median"),
        ("hydra.sweeper.pruner=threshold", "pruner_options"),
        ("+hydra.sweeper.sampler_options.colour=1", "sampler=tpe with sampler_options="),
    ],
)
def test_wrong_settings(sweep: Sweep, word: str, hint: str) -> None:
    message, status = sweep.failing(word, RATES)
    assert status == 1
    assert word.split("=")[0].removeprefix("+").split("_options")[0] in message
    assert hint in message


def test_any_sampler_can_be_named(sweep: Sweep) -> None:
    sweep("hydra.sweeper.sampler=optuna.samplers.QMCSampler", "hydra.sweeper.n_trials=1", RATES)
    assert sweep.ran == [0]


def test_nothing_to_search(sweep: Sweep) -> None:
    assert "nothing to search" in sweep.failing("seed=1")[0]


def test_a_folder_in_use(sweep: Sweep) -> None:
    with holder(sweep.folder):
        assert str(sweep.folder) in sweep.failing(RATES)[0]


def test_without_optuna(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert "pip install 'drbn-lightning[sweep]'" in sweep.failing(RATES)[0]


def test_starting_hydra_does_not_import_optuna() -> None:
    code = "import sys, hydra.core.plugins as p; p.Plugins.instance(); print({'optuna', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("word", "distribution"),
    [
        ("x=a,b", CategoricalDistribution(["a", "b"])),
        ("x=choice(1,[a,b])", CategoricalDistribution(["1", "[a,b]"])),
        ("x=range(1,4)", IntDistribution(1, 3)),
        ("x=range(1,10,4)", IntDistribution(1, 9, step=4)),
        ("x=range(0,1,0.25)", FloatDistribution(0, 0.75, step=0.25)),
        ("x=interval(0,1)", FloatDistribution(0, 1)),
        ("x=int(interval(1,8))", IntDistribution(1, 8)),
        ("x=tag(log,interval(1e-4,1))", FloatDistribution(1e-4, 1, log=True)),
    ],
)
def test_hydras_grammar_in_optunas_terms(word: str, distribution: BaseDistribution) -> None:
    (override,) = OverridesParser.create().parse_overrides([word])
    assert distribution_of("x", override) == distribution


@pytest.mark.parametrize("word", ["x=tag(log,interval(0,1))", "x=interval(1,0)", "x=range(1,1)"])
def test_what_cannot_be_searched(word: str) -> None:
    with pytest.raises(DRBNError, match="x"):
        read_space([word])


def test_the_later_word_counts() -> None:
    space = read_space(["a=1,2", "b=3", "c=1,2", "a=5", "b=6,7"])
    assert space.fixed == ["a=5"]
    assert list(space.searched) == ["c", "b"]
    assert space.overrides({"b": "6", "c": "2"}) == ["a=5", "c=2", "b=6"]


def test_a_quoted_text_comes_back() -> None:
    text = """{"a": "it's", "b": [1, {"c": null}]}"""
    (override,) = OverridesParser.create().parse_overrides([f"x={quoted(text)}"])
    assert str(override.value()) == text


SWEEPS = {
    "recursions": ("band", 4),
    "lambdas": ("band", 9),
    "recomposer": ("recompose", 4),
    "adversary": ("recompose", 4),
    "criterion": ("quality", 2),
    "mos_threshold": ("quality", 4),
    "loss_terms": ("recompose", 8),
}


def chosen_by(*words: str) -> DictConfig:
    """What Hydra is told by these words of a command line."""
    with initialize_config_module("drbn_lightning.conf", version_base="1.3"):
        hydra: DictConfig = compose("train", overrides=list(words), return_hydra_config=True).hydra
    return hydra


def test_every_sweep_is_tested() -> None:
    assert {file.stem for file in (CONF / "sweep").glob("*.yaml")} == {*SWEEPS, "learning_rate"}


@pytest.mark.parametrize("name", slow_but({"recursions", "criterion"}, SWEEPS))
def test_every_job_of_a_sweep_is_another_and_can_be_built(tmp_path: Path, name: str) -> None:
    hydra = chosen_by(f"sweep={name}")
    stage, jobs = SWEEPS[name]
    assert hydra.runtime.choices["stage"] == stage
    params = OverridesParser.create().parse_overrides([f"{key}={value}" for key, value in hydra.sweeper.params.items()])
    ((*made,),) = BasicSweeper.split_arguments(params, None)
    assert len(made) == jobs
    places = f"paths.artifacts={published(tmp_path / 'artifacts')}"
    configs = [composed(tmp_path, f"sweep={name}", places, "trainer=cpu", *job) for job in made]
    assert len({OmegaConf.to_yaml(config) for config in configs}) == jobs
    for config in (configs[0], configs[-1]):
        assert build_experiment(config, stage, []).artifact.name == f"{stage}.pt"


def test_the_learning_rate_is_searched_for_any_stage(sweep: Sweep) -> None:
    sweep("sweep=learning_rate", "stage=recompose", "hydra.sweeper.n_trials=1")
    (trial,) = sweep.results["trials"]
    assert list(trial["params"]) == ["stage.optimizer.lr"]
    assert sweep.results["metric"] == "val/loss"
    assert chosen_by("sweep=learning_rate").runtime.choices["hydra/sweeper"] == "optuna"


def command(folder: Path, *words: str) -> list[str]:
    small = ("stage=band", *TINY, *TINY_SCENES, "callbacks.images=null", f"hydra.sweep.dir={folder}")
    return [sys.executable, "-m", "drbn_lightning.train", "-m", *small, *words]


ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}
DYING = """
import os
import signal

from drbn_lightning import train
from drbn_lightning.callbacks.checkpoints import ResumePoint

save = ResumePoint._save


def saves_and_dies(self, trainer):
    save(self, trainer)
    if self.path.parts[-3:] == ("2", "checkpoints", "last.ckpt"):
        os.kill(os.getpid(), signal.SIGKILL)


ResumePoint._save = saves_and_dies
train.main()
"""
"""The command line, killed in the third trial after its first epoch."""


HALT = """
import pathlib, time
from pytorch_lightning.callbacks import Callback


class Halt(Callback):
    def __init__(self, flag):
        self.flag = pathlib.Path(flag)

    def on_train_batch_end(self, trainer, *_):
        if trainer.current_epoch == 1 and pathlib.Path(trainer.checkpoint_callback.dirpath).parent.name == "2":
            if not self.flag.exists():
                self.flag.touch()
                time.sleep(1800)
"""
"""Stops the third trial in its second epoch, for the test to kill it there."""


@pytest.mark.slow
def test_killed_after_some_trials_a_study_is_completed(tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    words = ["hydra/sweeper=optuna", "hydra.sweeper.n_trials=6", "trainer.max_epochs=2", RATES]
    script = [sys.executable, "-c", DYING, *command(folder, *words)[3:]]
    killed = subprocess.run(script, cwd=tmp_path, env=ONE_THREAD, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not (folder / "optimization_results.yaml").exists()
    done = subprocess.run(command(folder, *words), cwd=tmp_path, env=ONE_THREAD, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "2 of 6 trials have ended" in done.stdout
    trials = OmegaConf.load(folder / "optimization_results.yaml").trials
    assert [trial.state for trial in trials] == ["complete"] * 2 + ["cut short"] + ["complete"] * 4
    assert {path.parent.name for path in folder.glob("*/band.pt")} == {"0", "1", "3", "4", "5", "6"}
    best = max((trial for trial in trials if trial.state == "complete"), key=lambda trial: trial.value)
    assert f"best trial: {best.trial}, val/psnr {best.value:.4f}" in done.stdout


@pytest.mark.slow
def test_parallel_trials_of_two_processes_each(tmp_path: Path) -> None:
    words = ["hydra/sweeper=optuna", "hydra.sweeper.n_trials=2", "trainer=ddp", "trainer.max_epochs=1", RATES]
    words += ["hydra/launcher=parallel", "hydra.launcher.n_jobs=2", "hydra.sweeper.pruner=median"]
    words += ["data.num_workers=1"]
    done = subprocess.run(
        command(tmp_path / "sweep", *words), cwd=tmp_path, env=ONE_THREAD, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "sweep" / "0" / "band.pt").exists()
    assert (tmp_path / "sweep" / "1" / "band.pt").exists()


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["parallel", "submitit_local"])
def test_a_job_that_fails_in_another_process_leaves_the_others(tmp_path: Path, launcher: str) -> None:
    words = [f"hydra/launcher={launcher}", "trainer.max_epochs=1", "network.recursions=0,2", "data.num_workers=1"]
    done = subprocess.run(
        command(tmp_path / "sweep", *words), cwd=tmp_path, env=ONE_THREAD, capture_output=True, text=True
    )
    assert done.returncode == 1, done.stderr
    assert "network.recursions" in done.stdout + done.stderr
    assert (tmp_path / "sweep" / "1" / "band.pt").exists()
    for number, status in enumerate(["failed", "finished"]):
        folder = tmp_path / "sweep" / str(number)
        assert f'"status": "{status}"' in (folder / "run.json").read_text()
        assert (folder / "config.yaml").exists()
        assert (folder / "train.log").exists()
