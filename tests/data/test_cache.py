import errno
import json
import multiprocessing
import os
import pickle
import shutil
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from drbn_lightning.data import cache as module
from drbn_lightning.data import decoding, fingerprints
from drbn_lightning.data.cache import ImageCache
from drbn_lightning.errors import DRBNError
from drbn_lightning.files import UnwritableError
from drbn_lightning.images.rgb import read_rgb, write_png
from drbn_lightning.thumbnails import thumbnail_of

SIZES = [(8, 12), (9, 7), (16, 16), (1, 1), (5, 30), (4, 4), (8, 8), (3, 3)]


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """Images of several sizes."""
    rng = np.random.default_rng(0)
    files = [tmp_path / "images" / f"{number}.png" for number in range(len(SIZES))]
    for file, size in zip(files, SIZES, strict=True):
        write_png(file, rng.integers(0, 256, (*size, 3), dtype=np.uint8))
    return files


def test_holds_what_the_files_hold_in_order(tmp_path: Path, paths: list[Path]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cache = ImageCache.open(tmp_path / "cache", paths)
        images = [cache[number] for number in range(len(cache))]
    assert len(cache) == len(paths)
    for number, (path, image) in enumerate(zip(paths, images, strict=True)):
        values = read_rgb(path)
        assert image.dtype == torch.uint8
        assert np.array_equal(image.permute(1, 2, 0).numpy(), values)
        assert cache.name(number) == path.name
        assert cache.shape(number) == tuple(image.shape)
        assert np.array_equal(cache.thumbnail(number).numpy(), thumbnail_of(values))
        assert cache.digest(number) == fingerprints.digest(image)
        assert cache.signature(number) == fingerprints.signature(image)


def test_images_are_not_copied_and_the_file_is_safe(tmp_path: Path, paths: list[Path]) -> None:
    cache = ImageCache.open(tmp_path / "cache", paths)
    assert cache[2].data_ptr() == cache[2].data_ptr()
    before = int(cache[2][0, 0, 0])
    cache[2][0, 0, 0] = 255 - before
    assert int(ImageCache.open(tmp_path / "cache", paths)[2][0, 0, 0]) == before


def test_opens_without_decoding_again(tmp_path: Path, paths: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    ImageCache.open(tmp_path / "cache", paths)
    monkeypatch.setattr(decoding, "read_rgb", None)
    assert len(ImageCache.open(tmp_path / "cache", paths)) == len(paths)


def test_a_changed_file_makes_another_cache_and_keeps_the_old_one(tmp_path: Path, paths: list[Path]) -> None:
    old = ImageCache.open(tmp_path / "cache", paths)
    write_png(paths[0], np.zeros((2, 2, 3), dtype=np.uint8))
    new = ImageCache.open(tmp_path / "cache", paths)
    assert new[0].shape == (3, 2, 2)
    assert old[0].shape == (3, 8, 12)
    assert len(list((tmp_path / "cache").glob("*.bin"))) == 2
    assert ImageCache.open(tmp_path / "cache", paths[::-1]).name(0) == paths[-1].name


@pytest.mark.parametrize("damage", ["cut bin", "no bin", "cut json", "other json"])
def test_a_damaged_cache_is_made_anew(tmp_path: Path, paths: list[Path], damage: str) -> None:
    whole = ImageCache.open(tmp_path / "cache", paths)[0].clone()
    (binary,), (index,) = (list((tmp_path / "cache").glob(f"*.{suffix}")) for suffix in ("bin", "json"))
    if damage == "cut bin":
        binary.write_bytes(binary.read_bytes()[:-1])
    elif damage == "no bin":
        binary.unlink()
    else:
        index.write_text(index.read_text()[:-9] if damage == "cut json" else json.dumps({"size": 1, "images": [{}]}))
    assert torch.equal(ImageCache.open(tmp_path / "cache", paths)[0], whole)


@pytest.mark.parametrize("short_side", [None, 3])
def test_a_flipped_byte_is_decoded_again(
    tmp_path: Path, paths: list[Path], log: pytest.LogCaptureFixture, short_side: int | None
) -> None:
    def opened() -> ImageCache:
        return ImageCache.open(tmp_path / "cache", paths, short_side)

    cache = opened()
    whole = [cache[number].clone() for number in range(len(cache))]
    (binary,) = (tmp_path / "cache").glob("*.bin")
    sound = binary.read_bytes()
    for place in (0, len(sound) // 2, len(sound) - 1):
        binary.write_bytes(sound[:place] + bytes([sound[place] ^ 1]) + sound[place + 1 :])
        cache = opened()
        assert all(torch.equal(cache[number], image) for number, image in enumerate(whole))
        assert binary.read_bytes() == sound
    assert sum("decoding" in message for message in log.messages) == 3


def test_a_flipped_byte_where_nothing_may_be_written(
    tmp_path: Path, paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ImageCache.open(tmp_path / "cache", paths)[0].clone()
    (binary,) = (tmp_path / "cache").glob("*.bin")
    binary.write_bytes(bytes([binary.read_bytes()[0] ^ 128]) + binary.read_bytes()[1:])

    open_ = Path.open

    def refuse(path: Path, mode: str = "r", *more: Any, **options: Any) -> Any:  # noqa: ANN401 as Path.open has it
        if mode != "rb":
            raise PermissionError(errno.EACCES, "Permission denied")
        return open_(path, mode, *more, **options)

    cache = ImageCache.open(tmp_path / "cache", paths)
    monkeypatch.setattr(Path, "open", refuse)
    assert torch.equal(cache[0], whole)
    monkeypatch.undo()
    write_png(paths[0], np.zeros((8, 12, 3), dtype=np.uint8))
    with pytest.raises(DRBNError, match=r"\.bin .*0\.png .*remove .*\.json"):
        pickle.loads(pickle.dumps(cache))[0]


def test_every_flipped_byte_of_the_index_is_noticed(tmp_path: Path, paths: list[Path]) -> None:
    cache = ImageCache.open(tmp_path / "cache", paths[:1])
    described = cache.name(0), cache.shape(0), cache.digest(0), cache.signature(0)
    (index,) = (tmp_path / "cache").glob("*.json")
    sound = index.read_bytes()
    for place in range(0, len(sound), 7):
        index.write_bytes(sound[:place] + bytes([sound[place] ^ 1]) + sound[place + 1 :])
        again = ImageCache.open(tmp_path / "cache", paths[:1])
        assert (again.name(0), again.shape(0), again.digest(0), again.signature(0)) == described
        assert index.read_bytes() == sound


@pytest.mark.parametrize("way", ["in place", "renamed"])
def test_a_file_replaced_with_the_same_size_and_time_is_decoded_again(tmp_path: Path, way: str) -> None:
    old, other = tmp_path / "a.bmp", tmp_path / "other.bmp"
    for file, value in ((old, 10), (other, 200)):
        Image.fromarray(np.full((4, 6, 3), value, np.uint8)).save(file)
        os.utime(file, (1_000_000, 1_000_000))
    ImageCache.open(tmp_path / "cache", [old])
    before = old.stat()
    if way == "in place":
        shutil.copy2(other, old)
    else:
        other.rename(old)
    assert (old.stat().st_mtime_ns, old.stat().st_size) == (before.st_mtime_ns, before.st_size)
    assert np.unique(ImageCache.open(tmp_path / "cache", [old])[0].numpy()).tolist() == [200]


def test_pickles_small_and_maps_again(tmp_path: Path, paths: list[Path]) -> None:
    cache = ImageCache.open(tmp_path / "cache", paths)
    pickled = pickle.dumps(cache)
    assert len(pickled) < 1000
    assert torch.equal(pickle.loads(pickled)[1], cache[1])


def test_processes_that_build_at_once_all_end_well(tmp_path: Path, paths: list[Path]) -> None:
    with ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as pool:
        building = [pool.submit(ImageCache.open, tmp_path / "cache", paths) for _ in range(2)]
        digests = [process.result().digest(-1) for process in building]
    assert digests == [ImageCache.open(tmp_path / "cache", paths).digest(-1)] * 2
    assert sorted(file.suffix for file in (tmp_path / "cache").iterdir()) == [".bin", ".json"]


def test_an_empty_list_is_an_empty_cache(tmp_path: Path) -> None:
    assert len(ImageCache.open(tmp_path, [])) == 0


def test_old_leftovers_go_and_young_ones_stay(tmp_path: Path, paths: list[Path]) -> None:
    folder = tmp_path / "cache"
    folder.mkdir()
    old, young = folder / f".{'a' * 32}.part", folder / f".{'b' * 32}.part"
    old.touch()
    young.touch()
    os.utime(old, (time.time() - 100_000,) * 2)
    ImageCache.open(folder, paths)
    assert (old.exists(), young.exists()) == (False, True)


def test_a_bad_image_is_named_and_leaves_nothing(tmp_path: Path, paths: list[Path]) -> None:
    paths[3].write_bytes(paths[3].read_bytes()[:40])
    with pytest.raises(DRBNError, match=r"3\.png"):
        ImageCache.open(tmp_path / "cache", paths)
    assert list((tmp_path / "cache").iterdir()) == []
    paths[3].unlink()
    with pytest.raises(DRBNError, match=r"3\.png"):
        ImageCache.open(tmp_path / "cache", paths)


def test_a_full_disk_names_the_folder_and_the_key(
    tmp_path: Path, paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "_write_images", full)
    with pytest.raises(DRBNError, match=r"cache: .*paths\.cache=PATH") as caught:
        ImageCache.open(tmp_path / "cache", paths)
    assert not isinstance(caught.value, UnwritableError)
    assert list((tmp_path / "cache").iterdir()) == []


def test_keeps_images_small_and_describes_the_whole_ones(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sizes = {"wide": (20, 31), "tall": (33, 24), "small": (5, 8)}
    files = [tmp_path / f"{name}.png" for name in sizes]
    for file, size in zip(files, sizes.values(), strict=True):
        write_png(file, rng.integers(0, 256, (*size, 3), dtype=np.uint8))
    whole = ImageCache.open(tmp_path / "cache", files)
    small = ImageCache.open(tmp_path / "cache", files, short_side=10)
    assert [small.shape(number) for number in range(3)] == [(3, 10, 16), (3, 14, 10), (3, 10, 16)]
    assert [tuple(small[number].shape) for number in range(3)] == [small.shape(number) for number in range(3)]
    for number in range(3):
        described = [(c.name(number), c.digest(number), c.signature(number)) for c in (whole, small)]
        assert described[0] == described[1]
        assert small[number].float().mean() == pytest.approx(255 * whole.thumbnail(number).mean(), abs=6)
    again = ImageCache.open(tmp_path / "cache", files, short_side=10)
    assert torch.equal(pickle.loads(pickle.dumps(again))[1], small[1])
    assert ImageCache.open(tmp_path / "cache", files, short_side=12).shape(0) == (3, 12, 19)
    assert torch.equal(ImageCache.open(tmp_path / "cache", files)[0], whole[0])


def test_leaves_corrupt_images_out_where_it_may(tmp_path: Path, paths: list[Path]) -> None:
    complete = ImageCache.open(tmp_path / "cache", paths)
    assert complete.failed == []
    for number in (0, 3):
        paths[number].write_bytes(paths[number].read_bytes()[:40])
    for _ in range(2):  # decoded, then opened
        cache = ImageCache.open(tmp_path / "cache", paths, tolerant=True)
        assert len(cache) == len(paths) - 2
        assert [cache.name(number) for number in range(3)] == ["1.png", "2.png", "4.png"]
        assert torch.equal(cache[2], complete[4])
        assert [(failure.position, failure.name) for failure in cache.failed] == [(0, "0.png"), (3, "3.png")]
        assert "3.png is not an image" in cache.failed[1].reason
    with pytest.raises(DRBNError, match=r"0\.png"):
        ImageCache.open(tmp_path / "cache", paths)


def test_a_file_that_may_not_be_read_is_never_left_out(
    tmp_path: Path, paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise DRBNError(f"The image {path} cannot be opened") from PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(decoding, "read_rgb", refuse)
    with pytest.raises(DRBNError, match=r"0\.png"):
        ImageCache.open(tmp_path / "cache", paths, tolerant=True)
