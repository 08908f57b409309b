import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import pytest

from drbn_lightning.errors import DRBNError
from tests.benchmarks.conftest import Script


def test_ways_take_turns(script: Script) -> None:
    order: list[str] = []
    ways = {name: lambda name=name: order.append(name) for name in ("a", "b")}
    seconds = script("measuring").in_turn(ways, 2)
    assert order == ["a", "b"] * 3
    assert [len(values) for values in seconds.values()] == [2, 2]


def test_ratios_are_taken_round_by_round(script: Script) -> None:
    ours = script("measuring").figures({"released": [2.0, 8.0, 4.0], "ours": [1.0, 2.0, 4.0]})["ours"]
    assert (ours["median"], ours["ratio"], ours["ratio_spread"]) == (2.0, 2.0, [1.0, 4.0])


def test_a_report_has_the_machine_and_is_compared_by_ratios(
    script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measuring = script("measuring")
    parser = ArgumentParser()
    measuring.common(parser)

    def measured(seconds: float, gflops: float, *words: str) -> dict[str, Any]:
        options = parser.parse_args(["--json", str(tmp_path / "run.json"), *words])
        monkeypatch.setattr(measuring, "ceilings", lambda *_: {"matrix_product_gflops": gflops, "copy_gb_per_s": 1.0})
        measuring.report("some", options, measuring.figures({"ours": [seconds] * 3}))
        found: dict[str, Any] = json.loads((tmp_path / "run.json").read_text())
        return found

    run = measured(4.0, 50.0)
    assert run["machine"]["cores"] >= 1
    assert run["results"]["ours"]["median"] == 4.0
    (tmp_path / "before.json").write_text(json.dumps(run))
    capsys.readouterr()
    measured(1.0, 100.0, "--compare", str(tmp_path / "before.json"))  # a quarter of the time on twice the machine
    assert "ours: 2.00 times as fast" in capsys.readouterr().out


def test_what_cannot_be_compared_is_refused(script: Script) -> None:
    now = {"benchmark": "a", "results": {"ours": {}}}
    for other in ({"benchmark": "b", "results": {"ours": {}}}, {"benchmark": "a", "results": {"theirs": {}}}, {}):
        with pytest.raises(DRBNError, match="--compare"):
            script("measuring").compared(now, other)


def test_ceilings_are_measured(script: Script) -> None:
    assert min(script("measuring").ceilings("cpu").values()) > 0
