import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import wandb
from pytorch_lightning.loggers import WandbLogger

from drbn_lightning.errors import DRBNError
from drbn_lightning.tracking.loggers import go_on_logging
from drbn_lightning.tracking.wandb_logger import Mode, RunLogger, find_mode, has_key

HOST = "https://wandb.example.org"
KEY = "0123456789" * 4


@pytest.fixture(autouse=True)
def keyless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A machine without a key; gives what W&B's own settings say."""
    for name in ("WANDB_MODE", "WANDB_OFFLINE", "WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = SimpleNamespace(mode="online", api_key=None, base_url=HOST)
    monkeypatch.setattr(wandb, "setup", lambda: SimpleNamespace(settings=settings))
    return settings


def test_without_a_key_offline() -> None:
    assert find_mode() == "offline"
    assert RunLogger(project="p").mode == "offline"


@pytest.mark.parametrize("name", ["WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE"])
def test_a_key_in_the_environment(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, KEY)
    assert find_mode() == "online"


@pytest.mark.parametrize(("host", "mode"), [("wandb.example.org", "online"), ("elsewhere.org", "offline")])
def test_a_key_of_wandb_login(tmp_path: Path, host: str, mode: str) -> None:
    file = tmp_path / ".netrc"
    file.write_text(f"machine {host}\n  login user\n  password {KEY}\n")
    file.chmod(0o600)
    assert find_mode() == mode


def test_a_key_in_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "keys").write_text(f"machine wandb.example.org\n  login user\n  password {KEY}\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "keys"))
    assert has_key(HOST)
    (tmp_path / "keys").write_text("nonsense")
    assert not has_key(HOST)


def test_a_key_in_the_settings(keyless: SimpleNamespace) -> None:
    keyless.api_key = KEY
    assert find_mode() == "online"


@pytest.mark.parametrize(
    ("name", "value", "mode"),
    [
        ("WANDB_MODE", "online", "online"),
        ("WANDB_MODE", "dryrun", "offline"),
        ("WANDB_MODE", "disabled", "disabled"),
        ("WANDB_OFFLINE", "false", "online"),
        ("WANDB_OFFLINE", "true", "offline"),
    ],
)
def test_the_environment_has_its_way(monkeypatch: pytest.MonkeyPatch, name: str, value: str, mode: str) -> None:
    if mode != "online":
        monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setenv(name, value)
    assert find_mode() == mode


def test_wandb_offline_has_its_way(keyless: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    keyless.mode = "dryrun"
    assert find_mode() == "offline"


def test_the_configuration_has_its_way_over_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "online")
    assert RunLogger(mode="disabled", project="p").mode == "disabled"


def test_another_mode_is_refused() -> None:
    mode: Any = "ofline"
    with pytest.raises(DRBNError, match=r"logger\.wandb\.mode .*'ofline'.*online, offline, disabled"):
        RunLogger(mode=mode)


def test_what_wandb_refuses_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise wandb.Error("no key\nmore")

    monkeypatch.setattr(WandbLogger, "experiment", property(refuse))
    with pytest.raises(DRBNError, match=r"logger\.wandb\.mode=offline"):
        _ = RunLogger(mode="online", project="p").experiment


@pytest.mark.parametrize(
    ("mode", "own", "expected"), [("online", None, "id2"), ("online", "mine", "mine"), ("offline", None, None)]
)
def test_a_resumed_run_goes_on_with_its_run_of_wandb(
    tmp_path: Path, mode: Mode, own: str | None, expected: str | None
) -> None:
    for age, name in enumerate(["run-20261125_110000-id2", "offline-run-20261125_120000-id3", "run-20261124_1-id1"]):
        (tmp_path / "wandb" / name).mkdir(parents=True)
        os.utime(tmp_path / "wandb" / name, (100 - age, 100 - age))
    logger = RunLogger(mode=mode, project="p", save_dir=str(tmp_path), id=own)
    go_on_logging([logger, object()])
    assert (logger._wandb_init["id"], logger._wandb_init["resume"]) == (expected, "allow")
    assert logger.version == expected


def test_without_a_run_of_wandb_a_resumed_run_starts_one(tmp_path: Path) -> None:
    logger = RunLogger(mode="online", project="p", save_dir=str(tmp_path))
    logger.go_on()
    assert logger.version is None
