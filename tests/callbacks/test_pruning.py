from pathlib import Path

import optuna
import pytest
from omegaconf import OmegaConf

from drbn_lightning.assembly import build_experiment
from drbn_lightning.callbacks.pruning import was_pruned
from drbn_lightning.runs.trials import PRUNED, VARIABLE, TrialAddress, open_storage
from tests.running import tiny


@pytest.mark.parametrize(("lower", "epochs"), [(1000.0, 1), (-1000.0, 3)])
def test_a_run_ends_where_the_pruner_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lower: float, epochs: int
) -> None:
    place = str(tmp_path / "study.journal")
    study = optuna.create_study(study_name="s", storage=open_storage(place), direction="maximize")
    trial = study.ask()
    monkeypatch.setenv(VARIABLE, TrialAddress(place, "s", trial._trial_id, "threshold", {"lower": lower}).as_text())
    experiment = build_experiment(tiny(tmp_path, "trainer.max_epochs=3", "callbacks.images=null"), "band", [])
    experiment.trainer.fit(experiment.stage, datamodule=experiment.data)
    assert experiment.trainer.current_epoch == epochs
    assert was_pruned(experiment.trainer) is (epochs == 1)
    told = study.trials[0]
    assert list(told.intermediate_values) == list(range(1, epochs + 1))
    assert told.intermediate_values[epochs] == pytest.approx(float(experiment.trainer.callback_metrics["val/psnr"]))
    assert told.user_attrs.get(PRUNED) == ("after validation 1" if epochs == 1 else None)
    assert experiment.artifact.exists()


def test_a_run_that_is_no_trial_does_not_need_optuna(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr("drbn_lightning.runs.trials.import_optuna", None)  # a call would fail
    config = tiny(tmp_path, "trainer.max_epochs=1", "callbacks.images=null")
    assert OmegaConf.select(config, "callbacks.pruning._target_")
    experiment = build_experiment(config, "band", [])
    experiment.trainer.fit(experiment.stage, datamodule=experiment.data)
    assert experiment.trainer.current_epoch == 1
