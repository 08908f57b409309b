import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import wandb_workspaces.workspaces as ws
from omegaconf import OmegaConf

from drbn_lightning import workspace
from drbn_lightning.tracking.charts import CHARTS, STEP

CONF = Path(__file__).parents[1] / "conf"


def sections(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    """The sections of the workspace that a dry run writes."""
    assert workspace.main(["me/drbn_lightning", "--dry-run", *words]) == 0
    content = json.loads(capsys.readouterr().out)
    assert (content["entity"], content["project"]) == ("me", "drbn_lightning")
    panels: list[dict[str, Any]] = content["spec"]["section"]["panelBankConfig"]["sections"]
    return panels


def test_every_chart_is_a_panel(capsys: pytest.CaptureFixture[str]) -> None:
    panels = sections(capsys)
    assert [section["name"] for section in panels] == [*CHARTS, "Images"]
    for section, charts in zip(panels, CHARTS.values(), strict=False):
        shown = [panel["config"] for panel in section["panels"]]
        assert [(one["chartTitle"], tuple(one["metrics"])) for one in shown] == list(charts)
        assert {one["xAxis"] for one in shown} == {STEP}


def test_images_are_those_that_a_run_logs(capsys: pytest.CaptureFixture[str]) -> None:
    panels = sections(capsys)[-1]["panels"]
    shown = [panel["config"]["mediaKeys"] for panel in panels]
    count = OmegaConf.load(CONF / "callbacks" / "default.yaml").images.count
    assert shown == [[f"images/{kind}{number}" for number in range(1, count + 1)] for kind in ("", "pairs/", "photos/")]


def test_saved_it_says_where(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    saved = []

    def save(self: ws.Workspace) -> ws.Workspace:
        saved.append(self.name)
        return self

    monkeypatch.setattr(ws.Workspace, "save", save)
    monkeypatch.setattr(ws.Workspace, "url", "https://wandb.example.org/me/p?nw=1")
    assert workspace.main(["me/p", "--name", "mine"]) == 0
    assert saved == ["mine"]
    assert capsys.readouterr().out == "workspace: https://wandb.example.org/me/p?nw=1\n"


def test_without_a_key_it_is_one_message(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def save(self: ws.Workspace) -> None:
        raise RuntimeError("no API key\nand more")

    monkeypatch.setattr(ws.Workspace, "save", save)
    assert workspace.main(["me/p"]) == 1
    assert capsys.readouterr().err == (
        "error: W&B does not take the workspace (no API key); log in with `wandb login`, and train with logger=wandb "
        "once, so that the project is there\n"
    )


@pytest.mark.parametrize("project", ["p", "/p", "me/", "me/p/q"])
def test_a_project_needs_its_owner(project: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert workspace.main([project, "--dry-run"]) == 1
    assert "say ENTITY/PROJECT" in capsys.readouterr().err


def test_without_the_package_it_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "wandb_workspaces.workspaces", None)
    assert workspace.main(["me/p", "--dry-run"]) == 1
    assert "pip install 'drbn-lightning[workspace]'" in capsys.readouterr().err


def test_it_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "drbn_lightning.workspace", "--help"], capture_output=True, text=True, check=True
    )
    assert "usage: python -m drbn_lightning.workspace" in done.stdout
