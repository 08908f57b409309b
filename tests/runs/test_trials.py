import pytest

from drbn_lightning.errors import DRBNError
from drbn_lightning.runs.trials import PRUNERS, SAMPLERS, VARIABLE, TrialAddress, make_part, open_storage

ADDRESS = TrialAddress("study.log", "rates", 7, "median", {"n_startup_trials": 2})


def test_a_job_finds_its_trial_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert TrialAddress.of_this_job() is None
    monkeypatch.setenv(VARIABLE, ADDRESS.as_text())
    assert TrialAddress.of_this_job() == ADDRESS


@pytest.mark.parametrize("name", sorted(SAMPLERS))
def test_every_sampler_can_be_made(name: str) -> None:
    assert type(make_part("sampler", name, {})).__name__ == SAMPLERS[name]


@pytest.mark.parametrize("name", sorted(set(PRUNERS) - {"percentile", "threshold"}))
def test_every_pruner_can_be_made(name: str) -> None:
    assert type(make_part("pruner", name, {})).__name__ == PRUNERS[name]


def test_parts_from_elsewhere_are_named_by_their_class() -> None:
    made = make_part("pruner", "optuna.pruners.ThresholdPruner", {"lower": 3.0})
    assert type(made).__name__ == "ThresholdPruner"


@pytest.mark.parametrize(("name", "options"), [("nonsense", {}), ("a.b.C", {}), ("median", {"speed": 3})])
def test_parts_that_do_not_work_are_named(name: str, options: dict[str, int]) -> None:
    with pytest.raises(DRBNError, match=rf"hydra\.sweeper\.pruner={name} .*median"):
        make_part("pruner", name, options)


def test_a_database_that_cannot_be_opened_is_named() -> None:
    with pytest.raises(DRBNError, match=r"hydra\.sweeper\.storage=nosuch://db"):
        open_storage("nosuch://db")
