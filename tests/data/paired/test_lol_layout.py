import os
import warnings
from pathlib import Path

import numpy as np
import pytest

from drbn_lightning.data.paired import lol_layout as lol
from drbn_lightning.data.paired.lol_layout import LAYOUTS, find_pairs
from drbn_lightning.errors import DRBNError
from drbn_lightning.images.rgb import write_png

V1 = {"our485": ("low", "high", [2, 10, 689, 690]), "eval15": ("low", "high", [1, 748])}
V2 = {"Train": ("Low", "Normal", [1, 2, 3]), "Test": ("Low", "Normal", [690, 691])}


def make(folder: Path, splits: dict[str, tuple[str, str, list[int]]], names: tuple[str, str] = ("{}", "{}")) -> Path:
    """Write a release of few small images."""
    for split, (low, normal, numbers) in splits.items():
        for side, name in zip((low, normal), names, strict=True):
            for number in numbers:
                write_png(folder / split / side / f"{name.format(number)}.png", np.zeros((2, 2, 3), dtype=np.uint8))
    return folder


def names(root: Path, release: str, split: str) -> list[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [pair.name for pair in find_pairs(root, release, "train" if split == "train" else "test")]


@pytest.mark.parametrize("up", range(4))
@pytest.mark.parametrize("folder", ["a/b/LOLdataset", "a/b/lol_dataset", "a/b/LOLv1"])
def test_v1_is_found_from_the_archive_and_from_above_and_below(tmp_path: Path, folder: str, up: int) -> None:
    archive = make(tmp_path / folder, V1)
    make(tmp_path / "a/b/__MACOSX/LOLdataset", V1)
    root = [archive / "our485", archive, archive.parent, archive.parent.parent][up]
    assert names(root, "v1", "train") == ["2", "10", "689", "690"]
    assert names(root, "v1", "test") == ["1", "748"]


def test_case_and_the_relative_current_folder_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "OUR485", {"": ("LOW", "High", [5])})
    assert names(tmp_path, "v1", "train") == ["5"]
    monkeypatch.chdir(tmp_path / "OUR485")
    assert names(Path(), "v1", "train") == ["5"]


def test_v1_in_the_spelling_of_train_and_test(tmp_path: Path) -> None:
    make(tmp_path / "LOLv1", {"Train": ("input", "target", [1, 2]), "Test": ("input", "target", [3])})
    for root in (tmp_path, tmp_path / "LOLv1"):
        assert (names(root, "v1", "train"), names(root, "v1", "test")) == (["1", "2"], ["3"])


@pytest.mark.parametrize("folder", ["LOL-v2", "LOLv2/LOL-v2", "."])
def test_v2_tells_real_from_synthetic(tmp_path: Path, folder: str) -> None:
    real = make(tmp_path / folder / "Real_captured", V2, ("low{:05}", "normal{:05}"))
    synthetic = make(tmp_path / folder / "Synthetic", V2, ("r{}", "r{}"))
    for root in (tmp_path, real):
        assert names(root, "v2_real", "train") == ["00001", "00002", "00003"]
        assert names(root, "v2_real", "test") == ["00690", "00691"]
    for root in (tmp_path, synthetic):
        assert names(root, "v2_syn", "test") == ["r690", "r691"]
    with pytest.warns(UserWarning, match="3 train pairs of LOL-v2-real"):
        (first, *_) = find_pairs(tmp_path, "v2_real", "train")
    assert first.low.name == "low00001.png"
    assert first.normal.name == "normal00001.png"


def test_the_89_protocol_divides_v1_by_number(tmp_path: Path) -> None:
    make(tmp_path, V1)
    assert names(tmp_path, "v2_real_89", "train") == ["2", "10", "689"]
    assert names(tmp_path, "v2_real_89", "test") == ["690", "748"]
    make(tmp_path, {"our485": ("low", "high", [700])}, ("x{}", "x{}"))
    with pytest.raises(DRBNError, match=r"low/x700\.png"):
        names(tmp_path, "v2_real_89", "train")


def test_a_wrong_count_warns_and_a_right_one_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, V1)
    with pytest.warns(UserWarning, match=r"Found 4 train pairs of LOL-v1 below .*; the release has 485"):
        find_pairs(tmp_path, "v1", "train")
    monkeypatch.setitem(lol.LAYOUTS, "v1", LAYOUTS["v1"]._replace(train_count=4))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        find_pairs(tmp_path, "v1", "train")


def test_a_missing_release_says_what_was_looked_for_and_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(DRBNError, match=r"data\.root=.*gone"):
        names(tmp_path / "gone", "v1", "train")
    (tmp_path / "holiday").mkdir()
    with pytest.raises(DRBNError, match=r"our485/low and our485/high.*holiday"):
        names(tmp_path, "v1", "train")
    make(tmp_path / "LOL-v2" / "Synthetic", V2)
    with pytest.raises(DRBNError, match=r"LOL-v2-real .*Real_captured/Test/Low.*v2_syn"):
        names(tmp_path, "v2_real", "test")
    with pytest.raises(DRBNError, match=r"'v3'.*v1, v2_real, v2_syn, v2_real_89"):
        names(tmp_path, "v3", "test")


def test_two_copies_are_ambiguous_but_a_nearer_one_wins(tmp_path: Path) -> None:
    make(tmp_path / "one", V1)
    make(tmp_path / "two", V1)
    with pytest.raises(DRBNError, match=r"LOL-v1 .*one.*two"):
        names(tmp_path, "v1", "train")
    make(tmp_path, {"our485": ("low", "high", [5])})
    assert names(tmp_path, "v1", "train") == ["5"]


def test_too_deep_is_not_searched(tmp_path: Path) -> None:
    make(tmp_path / "a" / "b" / "c", V1)
    with pytest.raises(DRBNError, match=r"our485/low.* a"):
        names(tmp_path, "v1", "train")


@pytest.mark.reference
@pytest.mark.parametrize(("release", "train", "test"), [("v1", 485, 15), ("v2_real_89", 399, 89)])
def test_the_real_counts(reference: Path, release: str, train: int, test: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(find_pairs(reference / "data", release, "train")) == train
        pairs = find_pairs(reference / os.curdir, release, "test")
    assert len(pairs) == test
    assert {"748", "778", "780"} <= {pair.name for pair in pairs}
