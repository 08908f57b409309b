from pathlib import Path

import pytest

from drbn_lightning.errors import DRBNError
from drbn_lightning.inference.runtimes.onnx_metadata import exported_properties
from tests.inference.runtimes.exporting import other_network


def test_properties_are_those_that_onnx_reads(tmp_path: Path) -> None:
    import onnx

    path = other_network(tmp_path / "a.onnx")
    model = onnx.load(path)
    given = {"overlap": "24", "ü": "ö" * 200, "empty": ""}
    onnx.helper.set_model_props(model, given)
    onnx.save(model, path)
    assert exported_properties(path) == given | {"empty": ""}
    assert exported_properties(other_network(tmp_path / "b.onnx")) == {}


@pytest.mark.parametrize("content", [b"\x72\x7f", b"\x72", b"\x77", b"\x72\x02\x0a\x00", b"\xff" * 40])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "cut.onnx").write_bytes(content)
    with pytest.raises(DRBNError, match=r"cut\.onnx"):
        exported_properties(tmp_path / "cut.onnx")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DRBNError, match=r"gone\.onnx"):
        exported_properties(tmp_path / "gone.onnx")
