from pathlib import Path

import numpy as np
import pytest
import torch

from drbn_lightning.batches import Unpaired
from drbn_lightning.data.cache import ImageCache
from drbn_lightning.data.datamodule import TRAINING, VALIDATION
from drbn_lightning.data.fingerprints import overlap
from drbn_lightning.data.unpaired.files import PhotoFile
from drbn_lightning.data.unpaired.samples import StoredPhotos, StoredSamples, fingerprint, require_crops
from drbn_lightning.data.unpaired.splits import HIGH, KINDS, LOW, MIDDLE, REAL_LOW
from drbn_lightning.errors import DRBNError
from drbn_lightning.images.rgb import read_rgb, write_png

COUNTS = {HIGH: 5, LOW: 3, REAL_LOW: 4}
SIZE = 12


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> ImageCache:
    """Plain images with a bright left column, whose gray is their number."""
    folder = tmp_path_factory.mktemp("plain")
    files = [folder / f"{number:02d}.png" for number in range(sum(COUNTS.values()) + 1)]
    for number, file in enumerate(files):
        values = np.full((20, 16 + number, 3), 10 * number, dtype=np.uint8)
        values[:, 0] = 255
        write_png(file, values)
    return ImageCache.open(folder / "cache", files)


def files(cache: ImageCache, **counts: int) -> list[PhotoFile]:
    kinds = [kind for kind in KINDS for _ in range(counts.get(kind, 0))]
    return [
        PhotoFile(Path(cache.name(number)), kind, 5.0, TRAINING, "unpaired.root", number)
        for number, kind in enumerate(kinds)
    ]


def samples(cache: ImageCache, length: int = 30, seed: int = 0, **counts: int) -> StoredSamples:
    return StoredSamples(cache, files(cache, **(counts or COUNTS)), SIZE, length, seed)


def same(first: Unpaired, second: Unpaired) -> bool:
    pairs = zip(first, second, strict=True)
    return all(one is None if other is None else torch.equal(one, other) for one, other in pairs if one is not None)


def number(image: torch.Tensor | None) -> int:
    assert image is not None
    return round(image[0, 0, SIZE // 2].item() * 25.5)


def test_a_sample_follows_from_seed_epoch_and_index(cache: ImageCache) -> None:
    first = samples(cache)[3, 4]
    torch.manual_seed(123)
    np.random.seed(4)
    assert same(samples(cache)[3, 4], first)
    assert not all(same(samples(cache, seed=1)[3, index], samples(cache)[3, index]) for index in range(5))


def test_a_sample_draws_nothing_from_global_generators(cache: ImageCache) -> None:
    before, state = torch.get_rng_state(), np.random.get_state(legacy=False)
    samples(cache)[0, 0]
    assert torch.equal(torch.get_rng_state(), before)
    assert str(np.random.get_state(legacy=False)) == str(state)


@pytest.mark.parametrize("length", [7, 30])
def test_every_photo_comes_once_a_pass(cache: ImageCache, length: int) -> None:
    data = samples(cache, length)
    positions = [divmod(place, length) for place in range(60)]
    first = 0
    for column, (kind, count) in zip((0, 1, 2), ((HIGH, 5), (LOW, 3), (REAL_LOW, 4)), strict=True):
        numbers = [number(data[position][column]) for position in positions]
        passes = [numbers[start : start + count] for start in range(0, 60, count)]
        assert all(sorted(one) == list(range(first, first + count)) for one in passes), kind
        assert len({tuple(one) for one in passes}) > 1
        first += count


def test_epochs_of_another_length_walk_on_all_the_same(cache: ImageCache) -> None:
    data = samples(cache)
    other = data.in_epochs_of(2)
    assert (len(data), len(other)) == (30, 2)
    high = [number(other[divmod(place, 2)].high_mos) for place in range(5)]
    assert sorted(high) == [0, 1, 2, 3, 4]


def test_crops_are_windows_upright_and_mirrored_by_half(cache: ImageCache) -> None:
    columns = []
    for index in range(200):
        sample = samples(cache)[index, 0]
        for image in (sample.high_mos, sample.low_mos, sample.real_low):
            assert image is not None
            assert (image.dtype, tuple(image.shape)) == (torch.float32, (3, SIZE, SIZE))
            assert (image == image[:1, :1]).all()  # rows are alike: nothing is turned
            columns += (image[0, 0] == 1).nonzero().flatten().tolist()
    assert set(columns) == {0, SIZE - 1}
    assert 0.3 < np.mean([column == 0 for column in columns]) < 0.7


def test_the_mean_is_of_the_whole_photo(cache: ImageCache) -> None:
    for index in range(8):
        sample = samples(cache)[0, index]
        assert sample.real_low_thumbnail is not None
        whole = read_rgb(cache._index.parent.parent / f"{number(sample.real_low):02d}.png")
        assert sample.real_low_thumbnail.mean().item() == pytest.approx(whole.mean() / 255)


def test_kinds_that_are_not_there_are_none(cache: ImageCache) -> None:
    sample = samples(cache, high=5)[0, 0]
    assert (sample.low_mos, sample.real_low, sample.real_low_thumbnail, sample.low_score) == (None,) * 4


def test_held_out_photos_are_whole(cache: ImageCache) -> None:
    kinds = [HIGH, LOW, MIDDLE, REAL_LOW]
    held = [
        PhotoFile(Path(cache.name(at)), kind, float("nan") if kind == REAL_LOW else 2.0 * at, VALIDATION, "key", at)
        for at, kind in enumerate(kinds)
    ]
    photos = StoredPhotos(cache, held)
    samples = [photos[0, index] for index in range(len(photos))]
    assert [photo.kind for photo in samples] == kinds
    assert [photo.name for photo in samples] == ["00.png", "01.png", "02.png", "03.png"]
    assert [photo.mos.item() for photo in samples[:3]] == [0, 2, 4]
    assert samples[3].mos.isnan()
    for photo in samples:
        assert photo.photo.shape[1] == 20
        assert photo.thumbnail.mean().item() == pytest.approx(photo.photo.mean().item(), rel=1e-5)
    dark = photos.only(REAL_LOW)
    assert (len(dark), dark[0, 0].name, len(photos)) == (1, "03.png", 4)
    assert [photos.only(HIGH, MIDDLE)[0, index].kind for index in range(2)] == [HIGH, MIDDLE]


def test_dark_photos_are_known_by_their_digests_alone(cache: ImageCache) -> None:
    described = fingerprint("a", cache, files(cache, **COUNTS))
    assert (described.count, [bool(text) for text in described.signatures]) == (12, [True] * 8 + [False] * 4)
    assert overlap(described, described) == described.names


@pytest.mark.parametrize(
    ("crop_size", "short_side", "length", "message"),
    [
        (0, None, 1, r"unpaired\.crop_size is 0"),
        (8, None, 0, r"unpaired\.length is 0"),
        (17, 16, 1, r"unpaired\.crop_size=17.*unpaired\.short_side=16"),
    ],
)
def test_crops_that_cannot_be(crop_size: int, short_side: int | None, length: int, message: str) -> None:
    with pytest.raises(DRBNError, match=message):
        require_crops(crop_size, short_side, length)
