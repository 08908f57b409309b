import sys
from pathlib import Path

import pytest
from torch import nn

from drbn_lightning.checkpoints import description
from drbn_lightning.checkpoints.description import MODULES, NetworkDescription
from drbn_lightning.errors import DRBNError


@pytest.fixture
def outsider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module that leaves a trace when it is imported; the path of the trace."""
    trace = tmp_path / "trace"
    text = f"import pathlib\nfrom torch import nn\npathlib.Path({str(trace)!r}).touch()\nclass Net(nn.Identity): ...\n"
    (tmp_path / "outsider.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "outsider", raising=False)
    monkeypatch.setattr(description, "_asked_for", {"drbn_lightning"})
    return trace


@pytest.mark.parametrize("target", ["outsider.Net", "outsider.gone", "os.system", "drbn_lightning_.Net", "this.Net"])
def test_modules_that_nobody_trusts_are_not_imported(outsider: Path, target: str) -> None:
    for use in (NetworkDescription.build, NetworkDescription.completed):
        with pytest.raises(DRBNError, match=rf"not of this package.*{MODULES}="):
            use(NetworkDescription(target, {}))
    assert not outsider.exists()


def test_modules_that_the_environment_names_are_imported(outsider: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MODULES, "other,outsider")
    assert isinstance(NetworkDescription("outsider.Net", {}).build(), nn.Identity)
    assert outsider.exists()


def test_modules_that_the_configuration_names_are_imported(outsider: Path) -> None:
    NetworkDescription("outsider.Net", {}).trusted()
    assert isinstance(NetworkDescription("outsider.Net", {}).build(), nn.Identity)


def test_networks_of_absurd_sizes_are_not_built() -> None:
    with pytest.raises(DRBNError, match="recursions is above 1024"):
        NetworkDescription("drbn_lightning.networks.drbn.DRBN", {"recursions": 1 << 40}).build()


@pytest.mark.parametrize("target", ["drbn_lightning.files.written_beside", "drbn_lightning.files.os.system"])
def test_nothing_but_networks_is_called(target: str) -> None:
    with pytest.raises(DRBNError, match=r"not a torch\.nn\.Module|cannot be imported"):
        NetworkDescription(target, {"command": "true"}).build()
