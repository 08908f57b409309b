import json
from pathlib import Path

from tests.benchmarks.conftest import Script

FIGURES = {"size 64": 0.3, "size 128": 1.1, "threads 1": 2.0}


def test_each_varied_thing_has_a_panel(script: Script, tmp_path: Path) -> None:
    plots = script("plot_curves")
    results = {name: {"median": seconds} for name, seconds in FIGURES.items()}
    assert plots.curves(results) == {"size": [(64, 0.3), (128, 1.1)], "threads": [(1, 2.0)]}
    (tmp_path / "in.json").write_text(json.dumps({"results": results}), encoding="utf-8")
    plots.main([str(tmp_path / "in.json"), str(tmp_path / "out.svg")])
    assert (tmp_path / "out.svg").read_text(encoding="utf-8").count('id="axes_') == 2
