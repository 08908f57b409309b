import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from drbn_lightning.errors import DRBNError
from drbn_lightning.inference.runtimes.onnx import default_threads, open_onnx
from tests.inference.runtimes.exporting import example, full, other_network, small_content, small_file, small_model
from tests.tensor_methods import tensors

pytestmark = pytest.mark.runtimes


@pytest.mark.parametrize("threads", [None, 1, 2])
def test_it_runs_an_exported_network(tmp_path: Path, threads: int | None) -> None:
    low, thumbnail = example(1, 3, 20, 30)
    result = tensors(open_onnx(str(small_file(tmp_path)), threads))(
        low.contiguous(memory_format=torch.channels_last), thumbnail
    )
    torch.testing.assert_close(result, full(small_model(), low, thumbnail), atol=1e-5, rtol=0)


def test_other_types_and_strides_are_taken(tmp_path: Path) -> None:
    method, (low, thumbnail) = open_onnx(small_file(tmp_path)), (tensor.numpy() for tensor in example(1, 3, 8, 8))
    expected = method(np.ascontiguousarray(low[..., ::-1]), thumbnail)
    assert np.array_equal(method(low[..., ::-1].astype(np.float64), thumbnail.astype(np.float64)), expected)
    assert np.array_equal(method(low[..., ::-1], thumbnail), expected)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DRBNError, match=r"nothing\.onnx .*drbn_lightning\.export"):
        open_onnx(tmp_path / "nothing.onnx")


@pytest.mark.parametrize("length", [0, 100, 2000, -1])
def test_a_damaged_file_is_an_error(tmp_path: Path, length: int) -> None:
    (tmp_path / "cut.onnx").write_bytes(small_content("band")[:length])
    with pytest.raises(DRBNError, match=r"cut\.onnx"):
        open_onnx(tmp_path / "cut.onnx")


def test_another_network_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DRBNError, match=r"other\.onnx .*x to y"):
        open_onnx(other_network(tmp_path / "other.onnx"))


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = small_file(tmp_path)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(DRBNError, match=r"onnxruntime.*'drbn-lightning\[onnx\]'"):
        open_onnx(path)


def test_threads_are_those_asked_for_or_those_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert default_threads() == 3
    for nonsense in ("", "0", "many"):
        monkeypatch.setenv("OMP_NUM_THREADS", nonsense)
        assert 1 <= default_threads() <= (os.cpu_count() or 1)
