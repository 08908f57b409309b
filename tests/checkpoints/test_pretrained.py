import subprocess
from pathlib import Path

import pytest

from drbn_lightning.checkpoints.enhancement_model import load_model
from drbn_lightning.checkpoints.pretrained import (
    DEFAULT_STAGE,
    SUMS,
    digest,
    network_folder,
    networks,
    pretrained_path,
    record,
)
from drbn_lightning.errors import DRBNError
from drbn_lightning.inference.runtimes.onnx_metadata import exported_properties
from drbn_lightning.names import DEFAULT_NETWORK, ENHANCING_STAGES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for stage in ENHANCING_STAGES:
        for suffix in (".pt", ".onnx"):
            (tmp_path / f"{stage}{suffix}").write_bytes(f"{stage}{suffix}".encode())
    record(tmp_path)
    return tmp_path


@pytest.mark.parametrize("stage", ENHANCING_STAGES)
def test_weights_are_found(folder: Path, stage: str) -> None:
    assert pretrained_path(stage, folder) == folder / f"{stage}.pt"
    assert pretrained_path(stage, folder, suffix=".onnx") == folder / f"{stage}.onnx"


def test_digests_are_as_the_usual_command_checks_them(folder: Path) -> None:
    subprocess.run(["sha256sum", "--check", "--strict", SUMS], cwd=folder, check=True, capture_output=True)
    written = subprocess.run(
        ["sha256sum", "band.onnx", "recompose.onnx", "band.pt", "recompose.pt"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    assert (folder / SUMS).read_bytes() == written.stdout


@pytest.mark.parametrize("stage", ENHANCING_STAGES)
def test_damaged_weights_are_refused(folder: Path, stage: str) -> None:
    (folder / "band.pt").write_bytes(b"bond")  # stage 2 needs it, too
    with pytest.raises(DRBNError, match=r"band\.pt"):
        pretrained_path(stage, folder)


def test_an_exported_network_needs_no_other_file(folder: Path) -> None:
    (folder / "band.onnx").unlink()
    (folder / "band.pt").unlink()
    assert pretrained_path("recompose", folder, suffix=".onnx").is_file()
    (folder / "recompose.onnx").write_bytes(b"other")
    with pytest.raises(DRBNError, match=r"recompose\.onnx.*damaged"):
        pretrained_path("recompose", folder, suffix=".onnx")


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


@pytest.mark.parametrize("network", networks())
@pytest.mark.parametrize("stage", ENHANCING_STAGES)
def test_the_package_ships_both_stages_for_all_runtimes(network: str, stage: str) -> None:
    path = pretrained_path(stage, network_folder(network))
    model = load_model(path)
    assert model.stage == stage
    about = exported_properties(pretrained_path(stage, network_folder(network), suffix=".onnx"))
    assert (about["stage"], about["checkpoint_sha256"]) == (stage, digest(path))
    assert int(about["overlap"]) == model.overlap
    assert {"parts", "thumbnail", "identity"} <= about.keys()
    assert DEFAULT_STAGE in ENHANCING_STAGES


def test_the_default_network_comes_first() -> None:
    assert networks()[0] == DEFAULT_NETWORK
    with pytest.raises(DRBNError, match=f"network=nobodys .*{DEFAULT_NETWORK}"):
        network_folder("nobodys")
