from pathlib import Path

import numpy as np
import pytest
import torch

from drbn_lightning.checkpoints.artifact import Artifact
from drbn_lightning.checkpoints.description import NetworkDescription
from drbn_lightning.checkpoints.enhancement_model import Whole
from drbn_lightning.errors import DRBNError
from drbn_lightning.evaluation.methods import Size, match, methods_of, names_of, predictions
from drbn_lightning.evaluation.scoring import EvaluationImage
from drbn_lightning.images.rgb import write_png
from drbn_lightning.networks.drbn import DRBN
from drbn_lightning.networks.recomposition import BandRecomposition, FlatRecomposer

SIZES = [Size("1", "1", 6, 4), Size("low2.jpg", "2", 6, 4), Size("3", "3", 8, 4)]
CPU = torch.device("cpu")


def results(folder: Path, *names: str, width: int = 6) -> Path:
    for value, name in enumerate(names):
        write_png(folder / name, np.full((4, 8 if name.startswith("3") else width, 3), value, np.uint8))
    return folder


def test_results_are_found_by_name_whatever_their_suffix_and_prefix(tmp_path: Path) -> None:
    found = match(results(tmp_path, "normal1.png", "2.png", "3.png"), SIZES)
    assert {key: file.name for key, file in found.items()} == {"1": "normal1.png", "2": "2.png", "3": "3.png"}
    method = predictions("theirs", tmp_path, SIZES)
    low = torch.zeros(1, 3, 4, 6)
    assert torch.equal(method.run(EvaluationImage("low2.jpg", "2", low, low.mean()[None], None)), low + 1 / 255)
    assert method.trained_on is None
    assert not method.is_timed


def test_everything_that_does_not_fit_is_named_at_once(tmp_path: Path) -> None:
    results(tmp_path, "1.png", "extra.png", "3.png", width=5)
    message = r"predictions=.* 3 test images: .*low2\.jpg; .*extra\.png; .*1\.png \(5x4, .*6x4\)"
    with pytest.raises(DRBNError, match=message):
        match(tmp_path, SIZES)
    with pytest.raises(DRBNError, match="nowhere"):
        match(tmp_path / "nowhere", SIZES)
    with pytest.raises(DRBNError, match=r"a, b, c and 2 more"):
        match(tmp_path, [Size(name, name, 1, 1) for name in "abcde"])


def test_two_files_of_one_name_are_one_too_many(tmp_path: Path) -> None:
    with pytest.raises(DRBNError, match=r"1\.png.*low1\.png"):
        match(results(tmp_path, "1.png", "low1.png"), SIZES)


def test_names_differ_whatever_the_paths_are_called() -> None:
    assert list(names_of(["a/x.pt", "b/x.pt", "y.pt", "c/a/x.pt"])) == ["a/x", "b/x", "y", "a/x #2"]
    assert list(names_of(["x.pt"])) == ["x"]


def stage(name: str, network: torch.nn.Module, trained_on: list[dict[str, object]]) -> Artifact:
    return Artifact(name, network, NetworkDescription("", {}), {"source": "official weights"}, trained_on, {})


def test_a_stage_1_that_takes_part_already_does_not_take_part_twice() -> None:
    torch.manual_seed(0)
    band = DRBN(1, base_channels=2, growth_rate=1)
    recomposer = FlatRecomposer(channels=2, growth_rate=1)
    seen: list[dict[str, object]] = [{"name": "v1/train"}]
    parts = {"band": stage("band", band, seen), "recompose": stage("recompose", recomposer, [])}
    first = Whole("band", band, {"band": parts["band"]})
    second = Whole("recompose", BandRecomposition(band, recomposer), parts)
    taken: set[str] = set()
    alone = methods_of("mine", Path("band.pt"), first, CPU, taken)
    both = methods_of("better", Path("recompose.pt"), second, CPU, taken)
    assert [one.name for one in alone + both] == ["mine", "better"]
    assert both[0].trained_on == seen  # what its stage 1 has seen, it has seen
    assert [one.name for one in methods_of("recompose", Path("recompose.pt"), second, CPU, set())] == [
        "band",
        "recompose",
    ]
    assert [one.name for one in methods_of("x", Path("x.pt"), second, CPU, set())] == ["x, stage 1", "x"]
    assert (
        methods_of("x", Path("x.pt"), second._replace(parts={"recompose": parts["recompose"]}), CPU, set())[
            0
        ].trained_on
        is None
    )
