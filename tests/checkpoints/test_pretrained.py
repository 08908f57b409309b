import subprocess
from pathlib import Path

import pytest

from drbn_lightning.checkpoints.artifact import HEADER, header, identity, load, read, save
from drbn_lightning.checkpoints.enhancement_model import load_model
from drbn_lightning.checkpoints.pretrained import DEFAULT_STAGE, SUMS, pretrained_path, record, ship, weights_folder
from drbn_lightning.errors import DRBNError
from drbn_lightning.names import ENHANCING_STAGES
from tests.checkpoints.test_enhancement_model import band, recompose


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for stage in ENHANCING_STAGES:
        (tmp_path / f"{stage}.pt").write_bytes(stage.encode())
    record(tmp_path)
    return tmp_path


@pytest.mark.parametrize("stage", ENHANCING_STAGES)
def test_weights_are_found(folder: Path, stage: str) -> None:
    assert pretrained_path(stage, folder) == folder / f"{stage}.pt"


def test_digests_are_as_the_usual_command_checks_them(folder: Path) -> None:
    subprocess.run(["sha256sum", "--check", "--strict", SUMS], cwd=folder, check=True, capture_output=True)
    written = subprocess.run(["sha256sum", "band.pt", "recompose.pt"], cwd=folder, check=True, capture_output=True)
    assert (folder / SUMS).read_bytes() == written.stdout


@pytest.mark.parametrize("stage", ENHANCING_STAGES)
def test_damaged_weights_are_refused(folder: Path, stage: str) -> None:
    (folder / "band.pt").write_bytes(b"bond")  # stage 2 needs it, too
    with pytest.raises(DRBNError, match=r"band\.pt"):
        pretrained_path(stage, folder)


def test_stage_1_does_not_need_stage_2(folder: Path) -> None:
    (folder / "recompose.pt").unlink()
    assert pretrained_path("band", folder).is_file()
    with pytest.raises(DRBNError, match=r"recompose\.pt"):
        pretrained_path("recompose", folder)


def test_weights_without_a_digest_are_refused(folder: Path) -> None:
    (folder / SUMS).write_text("not a digest\n\n", encoding="utf-8")
    with pytest.raises(DRBNError, match=r"band\.pt"):
        pretrained_path("band", folder)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_unreadable_digests_are_named(folder: Path, content: bytes | None) -> None:
    (folder / SUMS).unlink()
    if content is not None:
        (folder / SUMS).write_bytes(content)
    with pytest.raises(DRBNError, match=SUMS):
        pretrained_path("band", folder)


def test_a_stage_without_images_is_refused(folder: Path) -> None:
    with pytest.raises(DRBNError, match="stage=quality"):
        pretrained_path("quality", folder)


@pytest.mark.parametrize("stage", ENHANCING_STAGES)
def test_the_package_ships_both_stages(stage: str) -> None:
    model = load_model(pretrained_path(stage))
    assert model.stage == stage
    assert load(weights_folder() / "band.pt").stage == "band"
    assert DEFAULT_STAGE in ENHANCING_STAGES


def test_new_weights_are_pretrained_without_what_they_say_of_their_machine(tmp_path: Path) -> None:
    seen = [{"name": "a", "identity": "b"}]
    made = load(band(tmp_path / "band.pt", trained_on=seen))
    provenance = {"seed": 3, "config": f"root: {tmp_path}", "overrides": [f"data.root={tmp_path}"]}
    save(tmp_path / "band.pt", header("band", made.description, provenance, seen), made.network.state_dict())
    recompose(tmp_path / "recompose.pt", tmp_path / "band.pt")
    ship(tmp_path, tmp_path / "pretrained")
    for stage in ENHANCING_STAGES:
        path = pretrained_path(stage, tmp_path / "pretrained")
        assert identity(load(path).network) == identity(load(tmp_path / path.name).network)
        assert str(tmp_path) not in str(read(path)[HEADER])
    first = load_model(tmp_path / "pretrained" / "recompose.pt").parts["band"]
    assert (first.provenance, first.trained_on) == ({"seed": 3}, seen)


def test_a_stage_2_on_another_stage_1_is_not_pretrained(tmp_path: Path) -> None:
    recompose(tmp_path / "recompose.pt", band(tmp_path / "band.pt"))
    band(tmp_path / "band.pt", seed=1)
    with pytest.raises(DRBNError, match=r"recompose\.pt"):
        ship(tmp_path, tmp_path / "pretrained")
    assert not (tmp_path / "pretrained").exists()
