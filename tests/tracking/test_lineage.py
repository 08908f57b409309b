from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from drbn_lightning.tracking.lineage import Used, best_of, lineage, log_inputs, log_network

DATASETS = [{"name": "lol_v1/train", "count": 485, "identity": "abc", "names": ["1.png"]}]


class Online:
    """Stands for a run of W&B that is online: keeps what it is given."""

    def __init__(self, folder: Path) -> None:
        self.offline, self.settings = False, SimpleNamespace(sync_dir=str(folder))
        self.used, self.logged = list[tuple[Any, Sequence[str]]](), list[tuple[Any, Sequence[str]]]()

    def use_artifact(self, artifact: Any, aliases: Sequence[str]) -> None:  # noqa: ANN401 W&B's
        self.used.append((artifact, aliases))

    def log_artifact(self, artifact: Any, aliases: Sequence[str]) -> None:  # noqa: ANN401 W&B's
        self.logged.append((artifact, aliases))


@pytest.fixture
def network(tmp_path: Path) -> Path:
    file = tmp_path / "artifacts" / "band.pt"
    file.parent.mkdir()
    file.write_bytes(b"weights")
    return file


def test_online_data_and_networks_go_in(tmp_path: Path, network: Path) -> None:
    run = Online(tmp_path)
    log_inputs(run, {"band": Used(network, "123")}, DATASETS)
    (dataset, first), (band, second) = run.used
    assert (dataset.name, dataset.type, dataset.metadata) == (
        "lol_v1-train", "dataset", {"count": 485, "identity": "abc"},
    )  # fmt: skip
    assert (band.name, band.type, band.metadata["identity"]) == ("band", "model", "123")
    assert (first, second, run.logged) == (["abc"], ["123"], [])


def test_the_network_that_goes_in_is_the_one_that_came_out(tmp_path: Path, network: Path) -> None:
    before, after = Online(tmp_path), Online(tmp_path)
    log_network(before, "band", network, {"identity": "123", "best/epoch": 3})
    copy = tmp_path / "copy.pt"
    copy.write_bytes(network.read_bytes())
    log_inputs(after, {"band": Used(copy, "123")}, [])
    ((came_out, aliases),), ((goes_in, _),) = before.logged, after.used
    assert (came_out.name, came_out.digest) == (goes_in.name, goes_in.digest)
    assert aliases == ["latest", "123"]


def test_offline_only_the_data_are_kept(tmp_path: Path, network: Path) -> None:
    run = Online(tmp_path)
    run.offline = True
    log_inputs(run, {"band": Used(network, "123")}, DATASETS)
    assert [artifact.name for artifact, _ in run.logged] == ["lol_v1-train"]
    assert run.used == []


def test_lineage_as_digests() -> None:
    assert lineage({"band": Used(Path("a/band.pt"), "123")}, DATASETS) == {
        "band": {"path": "a/band.pt", "identity": "123"},
        "datasets": {"lol_v1/train": "abc"},
    }


def test_epochs_count_from_one() -> None:
    provenance = {"figures": {"val/psnr": 20.0}, "epochs": 0, "steps": 4}
    assert best_of(provenance) == {"best/val/psnr": 20.0, "best/epoch": 1, "best/step": 4}
