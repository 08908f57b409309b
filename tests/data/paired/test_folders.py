from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drbn_lightning.data.paired.folders import PairedFoldersDataModule
from drbn_lightning.data.simulation.scenes import scene
from drbn_lightning.errors import DRBNError
from drbn_lightning.images.rgb import write_png
from tests.data.samples import ready

SIZES = ((30, 40), (24, 28), (36, 30), (26, 26))


def pairs(root: Path, low: str = "low", normal: str = "high", first_seed: int = 0) -> Path:
    for number, seed in enumerate(range(first_seed, first_seed + 4)):
        made = scene(np.random.default_rng(seed), *SIZES[seed % 4])
        image = (made * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
        write_png(root / normal / f"normal{number}.png", image)
        write_png(root / low / f"low{number}.png", image // 6)
    return root


def module(folder: Path, **settings: Any) -> PairedFoldersDataModule:  # noqa: ANN401 any setting
    small = {"crop_size": 16, "validation_pairs": 1, "batch_size": 1, "num_workers": 0}
    return PairedFoldersDataModule(cache=str(folder / "cache"), **small | settings)


def test_all_pairs_are_scored_in_order_and_whole(tmp_path: Path) -> None:
    root = pairs(tmp_path / "mine")
    for where in ({"root": str(root)}, {"low": str(root / "low"), "normal": str(root / "high")}):
        data = module(tmp_path, **where)
        data.setup("test")
        batches = list(data.test_dataloader())
        assert [batch.name for batch in batches] == [["0"], ["1"], ["2"], ["3"]]
        assert [tuple(batch.normal.shape[-2:]) for batch in batches] == list(SIZES)
        assert batches[0].low.max() < batches[0].normal.max() / 5
        assert data.tested_on().count == 4
    assert module(tmp_path, root=str(root)).title == "mine"


def test_it_can_be_trained_on(tmp_path: Path) -> None:
    data = ready(module(tmp_path, root=str(pairs(tmp_path / "mine")), on_overlap="error"))
    batches = list(data.train_dataloader())
    assert len(batches) == 3
    assert {tuple(batch.low.shape) for batch in batches} == {(1, 3, 16, 16)}
    assert data.trained_on()[0].name == "mine/train"


def test_other_pairs_for_testing_are_compared_by_content(tmp_path: Path) -> None:
    first, other = pairs(tmp_path / "first"), pairs(tmp_path / "other", first_seed=3)
    test = {"test_low": str(other / "low"), "test_normal": str(other / "high"), "on_overlap": "error"}
    data = module(tmp_path, root=str(first), **test, validation_pairs=1)
    with pytest.raises(DRBNError, match=r"1 of the 4 .*first/train"):
        data.setup("fit")
    data.setup("test")
    assert data.tested_on().count == 4


def test_folders_that_are_missing(tmp_path: Path) -> None:
    with pytest.raises(DRBNError, match=r"data\.low.*data\.low=PATH data\.normal=PATH"):
        module(tmp_path)
    with pytest.raises(DRBNError, match=r"data\.normal.*data\.low"):
        module(tmp_path, low="somewhere")
    with pytest.raises(DRBNError, match="nowhere"):
        module(tmp_path, root=str(tmp_path / "nowhere")).setup("test")
    (tmp_path / "low").mkdir()
    with pytest.raises(DRBNError, match="normal, high"):
        module(tmp_path, root=str(tmp_path)).setup("test")
    for name in ("high", "normal"):
        (tmp_path / name).mkdir()
    with pytest.raises(DRBNError, match="high and normal"):
        module(tmp_path, root=str(tmp_path)).setup("test")


def test_a_root_may_hold_the_images_themselves(tmp_path: Path) -> None:
    pairs(tmp_path)
    for side, folder in (("low", "low"), ("high", "high")):
        for file in [*(tmp_path / folder).iterdir()]:
            file.rename(tmp_path / f"{file.stem[-1]}_{side}.png")
        (tmp_path / folder).rmdir()
    data = module(tmp_path / "c", root=str(tmp_path))
    data.setup("test")
    assert [batch.name for batch in data.test_dataloader()] == [["0"], ["1"], ["2"], ["3"]]


@pytest.mark.parametrize(("low", "normal"), [("short", "long"), ("Low", "GT"), ("input", "target")])
def test_folders_have_several_names(tmp_path: Path, low: str, normal: str) -> None:
    data = module(tmp_path / "c", root=str(pairs(tmp_path / "mine", low, normal)))
    assert len(data.find("train")) == 4
