from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from drbn_lightning.data.cache import ImageCache
from drbn_lightning.data.paired.lol_layout import find_pairs
from drbn_lightning.data.paired.matching import PairPaths, pair_by_name, pair_files, pair_key, split_by_target, verify
from drbn_lightning.errors import DRBNError
from drbn_lightning.images.rgb import write_png


def save(path: Path, seed: int, size: tuple[int, int] = (8, 8), level: int = 255) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).integers(0, level + 1, (*size, 3), dtype=np.uint8)
    Image.fromarray(values).save(path, quality=90)


def paired(tmp_path: Path, targets: list[int]) -> tuple[list[PairPaths], ImageCache]:
    """Pairs whose targets are equal where their numbers are, and nearly equal where these differ by 1000."""
    for number, target in enumerate(targets):
        save(tmp_path / "low" / f"{number}.png", 100 + number, level=20)
        values = np.random.default_rng(target % 1000).integers(0, 255, (8, 8, 3), dtype=np.uint8)
        write_png(tmp_path / "high" / f"{number}.png", values + np.uint8(target >= 1000))
    pairs = pair_by_name(tmp_path / "low", tmp_path / "high")
    return pairs, ImageCache.open(tmp_path / "cache", pair_files(pairs))


@pytest.mark.parametrize(
    ("low", "normal"),
    [
        ("1.webp", "1.avif"),
        ("low00001.png", "normal00001.png"),
        ("Low_7.PNG", "HIGH-7.jpg"),
        ("r01.png", "R01.bmp"),
        ("1_low.jpg", "1_high.jpg"),
        ("a-input.png", "A_GT.png"),
        ("night low.png", "night Normal.webp"),
    ],
)
def test_pairs_by_name_whatever_the_suffix_and_prefix(tmp_path: Path, low: str, normal: str) -> None:
    save(tmp_path / "low" / low, 0)
    save(tmp_path / "high" / normal, 1)
    (pair,) = pair_by_name(tmp_path / "low", tmp_path / "high")
    assert pair == (pair_key(Path(normal)), tmp_path / "low" / low, tmp_path / "high" / normal)


def test_pairs_may_lie_in_one_folder(tmp_path: Path) -> None:
    for number in (1, 2, 10):
        save(tmp_path / f"{number}_low.jpg", number, level=20)
        save(tmp_path / f"{number}_high.jpg", number)
    expected = [(str(number), f"{number}_low.jpg", f"{number}_high.jpg") for number in (1, 2, 10)]
    pairs = pair_by_name(tmp_path, tmp_path)
    assert [(pair.name, pair.low.name, pair.normal.name) for pair in pairs] == expected
    save(tmp_path / "3.jpg", 0)
    with pytest.raises(DRBNError, match=r"3\.jpg: the name says neither low nor high"):
        pair_by_name(tmp_path, tmp_path)


def test_several_exposures_named_as_in_sid_share_a_target(tmp_path: Path) -> None:
    for name in ("00001_00_0.1s", "00001_00_0.04s", "00001_01_0.1s", "00002_00_0.033s"):
        save(tmp_path / "short" / f"{name}.png", 0, level=20)
    for name in ("00001_00_10s", "00002_00_30s"):
        save(tmp_path / "long" / f"{name}.png", 1)
    pairs = pair_by_name(tmp_path / "short", tmp_path / "long")
    assert sorted((pair.low.stem, pair.normal.stem) for pair in pairs) == [
        ("00001_00_0.04s", "00001_00_10s"), ("00001_00_0.1s", "00001_00_10s"), ("00001_01_0.1s", "00001_00_10s"),
        ("00002_00_0.033s", "00002_00_30s"),
    ]  # fmt: skip
    assert len({pair.name for pair in pairs}) == 4
    save(tmp_path / "short" / "00003_00_0.1s.png", 0)
    with pytest.raises(DRBNError, match=r"No partner in .*long for .*00003_00_0\.1s\.png"):
        pair_by_name(tmp_path / "short", tmp_path / "long")


def test_several_exposures_in_folders_as_in_sice_share_a_target(tmp_path: Path) -> None:
    for scene, count in (("1", 3), ("2", 2), ("10", 1)):
        for number in range(1, count + 1):
            save(tmp_path / scene / f"{number}.JPG", number, level=20)
        save(tmp_path / "Label" / f"{scene}.JPG", 1)
    pairs = pair_by_name(tmp_path, tmp_path / "Label")
    assert [(pair.name, pair.low.parent.name, pair.normal.stem) for pair in pairs] == [
        ("1_1", "1", "1"), ("1_2", "1", "1"), ("1_3", "1", "1"), ("2_1", "2", "2"), ("2_2", "2", "2"),
        ("10_1", "10", "10"),
    ]  # fmt: skip
    save(tmp_path / "11" / "1.JPG", 0)
    with pytest.raises(DRBNError, match=r"No partner in .*Label for .*11/1\.JPG"):
        pair_by_name(tmp_path, tmp_path / "Label")


def test_exposures_of_one_target_stay_on_one_side(tmp_path: Path) -> None:
    for scene in "abc":
        for number in range(4):
            save(tmp_path / scene / f"{number}.png", number, level=20)
        save(tmp_path / "Label" / f"{scene}.png", ord(scene))
    pairs = pair_by_name(tmp_path, tmp_path / "Label")
    cache = ImageCache.open(tmp_path / "cache", pair_files(pairs))
    verify(pairs, cache)
    held_out = split_by_target(pairs, cache, 4, seed=0)
    assert len(held_out) == 4
    assert len({pairs[number].normal for number in held_out}) == 1


def test_pairs_come_in_natural_order(tmp_path: Path) -> None:
    pairs, _ = paired(tmp_path, list(range(12)))
    assert [pair.name for pair in pairs] == [str(number) for number in range(12)]


def test_a_file_without_partner_is_named_on_both_sides(tmp_path: Path) -> None:
    save(tmp_path / "low" / "1.png", 0)
    save(tmp_path / "high" / "1.png", 0)
    for number in range(2, 7):
        save(tmp_path / "low" / f"{number}.png", 0)
    with pytest.raises(DRBNError, match=r"high .*2\.png, .*4\.png and 2 more"):
        pair_by_name(tmp_path / "low", tmp_path / "high")
    with pytest.raises(DRBNError, match=r"high .*low/2\.png"):
        pair_by_name(tmp_path / "high", tmp_path / "low")


def test_two_files_of_one_name_are_named(tmp_path: Path) -> None:
    for name in ("low/1.png", "low/low1.webp", "high/1.png"):
        save(tmp_path / name, 0)
    with pytest.raises(DRBNError, match=r"1\.png.*low1\.webp"):
        pair_by_name(tmp_path / "low", tmp_path / "high")


def test_verify_names_both_files_and_sizes(tmp_path: Path) -> None:
    for size, error in (((8, 8), None), ((8, 9), r"low/1\.png \(8x8 pixels\) and .*high/1\.png \(9x8 pixels\)")):
        save(tmp_path / "low" / "1.png", 0)
        save(tmp_path / "high" / "1.png", 0, size)
        pairs = pair_by_name(tmp_path / "low", tmp_path / "high")
        cache = ImageCache.open(tmp_path / "cache", pair_files(pairs))
        if error is None:
            verify(pairs, cache)
            continue
        with pytest.raises(DRBNError, match=error):
            verify(pairs, cache)


def test_split_keeps_equal_and_nearly_equal_targets_together(tmp_path: Path) -> None:
    targets = [0, 1, 1000, 2, 3, 0, 1001, 4, 5, 2]
    pairs, cache = paired(tmp_path, targets)
    seen = set()
    for seed in range(20):
        chosen = split_by_target(pairs, cache, 4, seed)
        assert chosen == split_by_target(pairs, cache, 4, seed)
        assert 1 <= len(chosen) <= 4
        inside = {targets[number] % 1000 for number in chosen}
        assert inside.isdisjoint(targets[number] % 1000 for number in range(10) if number not in chosen)
        seen.add(tuple(chosen))
    assert len(seen) > 5


def test_split_never_takes_all_and_can_take_none(tmp_path: Path) -> None:
    pairs, cache = paired(tmp_path, [0, 0, 0, 1, 1])
    assert split_by_target(pairs, cache, 0, 0) == []
    assert split_by_target(pairs, cache, 1, 0) == [3, 4]
    assert {tuple(split_by_target(pairs, cache, 99, seed)) for seed in range(9)} == {(0, 1, 2), (3, 4)}
    with pytest.raises(ValueError, match="-1"):
        split_by_target(pairs, cache, -1, 0)


def test_split_of_one_target_says_so(tmp_path: Path) -> None:
    pairs, cache = paired(tmp_path, [7, 7])
    with pytest.raises(DRBNError, match=r"2 different .*high"):
        split_by_target(pairs, cache, 1, 0)


@pytest.mark.slow
@pytest.mark.reference
def test_split_of_lol_shares_no_target(reference: Path, tmp_path: Path) -> None:
    pairs = find_pairs(reference / "data", "v2_real_89", "train")
    cache = ImageCache.open(tmp_path, pair_files(pairs))
    verify(pairs, cache)
    chosen = set(split_by_target(pairs, cache, 40, 0))
    digests = [{cache.digest(399 + n) for n in range(399) if (n in chosen) == side} for side in (True, False)]
    assert len(chosen) == 40
    assert digests[0].isdisjoint(digests[1])
    assert len(digests[0] | digests[1]) == 358


def night(number: int) -> NDArray[np.uint8]:
    """A dark sky with lights at other places in each picture; the mean is 1 of 255."""
    rng = np.random.default_rng(number)
    image = rng.integers(0, 2, (64, 96, 3)).astype(np.uint8)
    for _ in range(6):
        row, column = rng.integers(0, 56), rng.integers(0, 88)
        image[row : row + 8, column : column + 8] = rng.integers(20, 80, 3)
    return image


def test_night_scenes_are_not_all_one_target(tmp_path: Path) -> None:
    for number in range(6):
        write_png(tmp_path / "low" / f"{number}.png", night(number) // 4)
        write_png(tmp_path / "high" / f"{number}.png", night(number))
    copy = Image.fromarray(night(0))
    copy.save(tmp_path / "high" / "copy.jpg", quality=90)
    write_png(tmp_path / "low" / "copy.png", night(0) // 4)
    pairs = pair_by_name(tmp_path / "low", tmp_path / "high")
    cache = ImageCache.open(tmp_path / "cache", pair_files(pairs))
    chosen = [{pairs[number].name for number in split_by_target(pairs, cache, 2, seed)} for seed in range(20)]
    assert all(len(names) == 2 for names in chosen)
    assert len({frozenset(names) for names in chosen}) > 5
    assert all(("0" in names) == ("copy" in names) for names in chosen)


def test_black_targets_are_one_only_where_they_are_equal(tmp_path: Path) -> None:
    for number in range(4):
        black = np.zeros((16, 16, 3), np.uint8)
        black[number // 2, 3] = 1  # 0 and 1 are equal, 2 and 3 too
        for side in ("low", "high"):
            write_png(tmp_path / side / f"{number}.png", black)
    pairs = pair_by_name(tmp_path / "low", tmp_path / "high")
    cache = ImageCache.open(tmp_path / "cache", pair_files(pairs))
    assert {tuple(split_by_target(pairs, cache, 2, seed)) for seed in range(9)} == {(0, 1), (2, 3)}
