from pathlib import Path

import numpy as np
import pytest
import torch

from drbn_lightning.errors import DRBNError
from drbn_lightning.evaluation.predictions import Size, match, predictions
from drbn_lightning.evaluation.scoring import EvaluationImage
from drbn_lightning.images.rgb import write_png

SIZES = [Size("1", "1", 6, 4), Size("low2.jpg", "2", 6, 4), Size("3", "3", 8, 4)]


def results(folder: Path, *names: str, width: int = 6) -> Path:
    for value, name in enumerate(names):
        write_png(folder / name, np.full((4, 8 if name.startswith("3") else width, 3), value, np.uint8))
    return folder


def test_results_are_found_by_name_whatever_their_suffix_and_prefix(tmp_path: Path) -> None:
    files = match(results(tmp_path, "normal1.png", "2.png", "3.png"), SIZES)
    assert {key: file.name for key, file in files.items()} == {"1": "normal1.png", "2": "2.png", "3": "3.png"}
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
