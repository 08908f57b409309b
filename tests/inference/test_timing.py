import sys
from pathlib import Path

import pytest
import torch

from drbn_lightning.inference import timing
from drbn_lightning.inference.timing import Timed, interleaved, timing_table, ways_to_run
from drbn_lightning.types import Method, Pixels
from tests.inference.runtimes.exporting import example, full, small_file, small_model
from tests.tensor_methods import tensors

pytestmark = pytest.mark.runtimes


def test_methods_take_turns_after_a_round_that_does_not_count() -> None:
    calls = list[str]()

    def method(name: str, added: float) -> Method:
        def enhance(low: Pixels, thumbnail: Pixels) -> Pixels:
            calls.append(name)
            return low + added

        return enhance

    low, thumbnail = example(1, 3, 4, 4)
    methods = {"a": method("a", 0.0), "b": method("b", 0.25)}
    timed = interleaved(methods, low.numpy(), thumbnail.numpy(), rounds=2)
    assert calls == ["a", "b"] * 3
    assert [len(entry.seconds) for entry in timed] == [2, 2]
    assert [entry.difference for entry in timed] == pytest.approx([0, 0.25])


def test_the_table_compares_medians_with_the_first() -> None:
    lines = timing_table([Timed("a", [4.0, 9.0, 1.0], 0.0), Timed("b", [8.0, 8.0, 2.0], 0.5)]).splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["a", "4.000", "1.000", "1.00", "0e+00"],
        ["b", "8.000", "2.000", "0.50", "5e-01"],
    ]


def test_every_way_gives_the_networks_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "has_native_bfloat16", lambda: False)
    model, (low, thumbnail) = small_model(), example(1, 3, 9, 10)
    ways, notes = ways_to_run(model.network, small_file(tmp_path), 1)
    assert (list(ways), notes) == (["torch", "onnxruntime", "openvino"], [])
    for make in ways.values():
        torch.testing.assert_close(tensors(make())(low, thumbnail), full(model, low, thumbnail), atol=1e-5, rtol=0)


def test_bfloat16_is_tried_where_the_processor_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "has_native_bfloat16", lambda: True)
    monkeypatch.setattr(timing, "open_openvino", lambda path, threads, precision="float32": None)
    ways, _ = ways_to_run(small_model().network, small_file(tmp_path))
    assert list(ways) == ["torch", "torch bfloat16", "onnxruntime", "openvino", "openvino bfloat16"]


def test_what_is_not_installed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = small_file(tmp_path)
    monkeypatch.setattr(timing, "has_native_bfloat16", lambda: False)
    monkeypatch.setitem(sys.modules, "openvino", None)
    ways, notes = ways_to_run(small_model().network, path)
    assert list(ways) == ["torch", "onnxruntime"]
    assert len(notes) == 1
    assert notes[0].startswith("openvino is left out:")
    assert "drbn-lightning[openvino]" in notes[0]
