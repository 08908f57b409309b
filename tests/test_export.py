import sys
from pathlib import Path

import pytest

from drbn_lightning import export as entry
from drbn_lightning.checkpoints.artifact import header, save
from drbn_lightning.errors import DRBNError
from drbn_lightning.inference.runtimes import export
from drbn_lightning.inference.runtimes.onnx import open_onnx
from drbn_lightning.names import DEFAULT_NETWORK
from tests.inference.runtimes.exporting import example, small_content, small_model

pytestmark = pytest.mark.runtimes


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """The small network that `small_content` is the export of."""
    part = small_model().parts["band"]
    path = tmp_path / "networks" / "mine.pt"
    save(path, header("band", part.description, {}, []), part.network.state_dict())
    return path


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests of the exporter itself are elsewhere; here it has been run already."""
    content = small_content("band")
    monkeypatch.setattr(export, "_content", lambda network, about, opset: content)
    monkeypatch.setattr(entry, "TIMED_SIZE", (12, 16))


def test_the_file_is_written_verified_and_timed(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "band.onnx"
    assert entry.main(["--checkpoint", str(checkpoint), "-o", str(out)]) == 0
    said = capsys.readouterr().out
    assert said.count("largest difference from torch") == len(export.SIZES)
    assert f"written: {out}" in said
    timed = said[said.index("median s") :].splitlines()
    assert {"torch", "onnxruntime", "openvino"} <= {line.split()[0] for line in timed}
    assert open_onnx(out)(*(one.numpy() for one in example(1, 3, 5, 5))).shape == (1, 3, 5, 5)
    assert list(out.parent.iterdir()) == [out]


def test_timings_can_be_left_out(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--checkpoint", str(checkpoint), "-o", str(tmp_path / "band.onnx"), "--no-timings"]
    assert entry.main(words) == 0
    assert "onnxruntime" not in capsys.readouterr().out


def test_a_missing_extra_is_said_beside_the_timings(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    assert entry.main(["--checkpoint", str(checkpoint), "-o", str(tmp_path / "band.onnx")]) == 0
    assert "pip install 'drbn-lightning[openvino]'" in capsys.readouterr().out


def test_a_file_that_is_there_stays_unless_asked(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "band.onnx"
    out.write_text("mine")
    words = ["--checkpoint", str(checkpoint), "-o", str(out), "--no-timings"]
    assert entry.main(words) == 1
    assert out.read_text() == "mine"
    said = capsys.readouterr().err
    assert said.startswith(f"error: {out} exists already")
    assert said.count("\n") == 1
    assert entry.main([*words, "--overwrite"]) == 0
    assert out.read_bytes() == small_content("band")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--checkpoint", "nowhere.pt", "-o", "x.onnx"], "nowhere.pt does not exist"),
        (["--checkpoint", "nowhere.pt", "-o", "x.pt"], "x.pt does not end in .onnx"),
    ],
)
def test_a_mistake_is_one_line(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert entry.main(words) == 1
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_another_stage_than_the_checkpoints_is_a_mistake(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--checkpoint", str(checkpoint), "--stage", "recompose", "-o", str(tmp_path / "x.onnx")]
    assert entry.main(words) == 1
    assert "stage=recompose is asked for" in capsys.readouterr().err


@pytest.mark.parametrize(("words", "stage"), [([], "band"), (["--stage", "recompose"], "recompose")])
def test_by_default_the_pretrained_weights_are_exported(
    words: list[str], stage: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def shipped(stage: str, folder: Path) -> Path:
        raise DRBNError(f"asked for {stage} of {folder.name}")

    monkeypatch.setattr("drbn_lightning.checkpoints.pretrained.pretrained_path", shipped)
    monkeypatch.setattr("drbn_lightning.checkpoints.pretrained.DEFAULT_STAGE", "band")
    assert entry.main(["-o", "x.onnx", *words]) == 1
    assert capsys.readouterr().err == f"error: asked for {stage} of {DEFAULT_NETWORK}\n"


def test_a_network_that_the_package_lacks_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.main(["-o", "x.onnx", "--network", "drbn_huge"]) == 1
    assert "network=drbn_huge does not come with the package" in capsys.readouterr().err


def test_ctrl_c_is_clean(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(export, "verify", interrupted)
    out = tmp_path / "new" / "band.onnx"
    assert entry.main(["--checkpoint", str(checkpoint), "-o", str(out)]) == 130
    assert capsys.readouterr().err == "\ninterrupted\n"
    assert not out.parent.exists()


def test_a_wrong_command_has_the_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], ["-o", "x.onnx", "--stage", "quality"], ["-o", "x.onnx", "--opset", "many"]):
        with pytest.raises(SystemExit) as error:
            entry.main(words)
        assert error.value.code == 2
    assert "usage:" in capsys.readouterr().err
