import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from drbn_lightning.errors import DRBNError
from drbn_lightning.inference.runtimes.openvino import open_openvino
from drbn_lightning.inference.runtimes.precision import has_native_bfloat16
from tests.inference.runtimes.exporting import example, full, other_network, small_content, small_file, small_model
from tests.tensor_methods import tensors

pytestmark = pytest.mark.runtimes


@pytest.mark.parametrize("threads", [None, 1, 2])
def test_openvino_runs_an_exported_network_in_float32(tmp_path: Path, threads: int | None) -> None:
    low, thumbnail = example(1, 3, 20, 30)
    method = tensors(open_openvino(str(small_file(tmp_path)), threads))
    result = method(low.contiguous(memory_format=torch.channels_last), thumbnail)
    # bfloat16, which OpenVINO would choose, differs by about 1e-2.
    torch.testing.assert_close(result, full(small_model(), low, thumbnail), atol=1e-5, rtol=0)


@pytest.mark.skipif(not has_native_bfloat16(), reason="this CPU has no bfloat16")
def test_openvino_runs_in_bfloat16_where_asked(tmp_path: Path) -> None:
    low, thumbnail = example(1, 3, 20, 30)
    result = tensors(open_openvino(small_file(tmp_path), precision="bfloat16"))(low, thumbnail)
    difference = (result - full(small_model(), low, thumbnail)).abs().max()
    assert 1e-4 < difference < 5e-2


def test_a_result_stays_when_the_next_is_made(tmp_path: Path) -> None:
    method, (low, thumbnail) = tensors(open_openvino(small_file(tmp_path))), example(1, 3, 20, 30)
    first = method(low, thumbnail)
    before = first.clone()
    method(1 - low, thumbnail)
    assert torch.equal(first, before)


def test_threads_take_turns(tmp_path: Path) -> None:
    method, (low, thumbnail) = tensors(open_openvino(small_file(tmp_path))), example(1, 3, 64, 64)
    images = [low * number / 8 for number in range(8)]
    expected = [method(image, thumbnail) for image in images]
    with ThreadPoolExecutor(4) as pool:
        result = list(pool.map(lambda image: method(image, thumbnail), images))
    assert all(torch.equal(one, other) for one, other in zip(result, expected, strict=True))


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DRBNError, match=r"nothing\.onnx"):
        open_openvino(tmp_path / "nothing.onnx")


@pytest.mark.parametrize("length", [0, 100, 2000, -1])
def test_a_damaged_file_is_an_error(tmp_path: Path, length: int) -> None:
    (tmp_path / "cut.onnx").write_bytes(small_content("band")[:length])
    with pytest.raises(DRBNError, match=r"cut\.onnx"):
        open_openvino(tmp_path / "cut.onnx")


def test_another_network_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DRBNError, match=r"other\.onnx .*x to y"):
        open_openvino(other_network(tmp_path / "other.onnx"))


def test_an_unknown_precision_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DRBNError, match=r"precision=int8 .*runtime=openvino.*float32 or bfloat16"):
        open_openvino(small_file(tmp_path), precision="int8")


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = small_file(tmp_path)
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(DRBNError, match=r"openvino.*'drbn-lightning\[openvino\]'"):
        open_openvino(path)
