import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from drbn_lightning.data.cache import ImageCache
from drbn_lightning.data.fingerprints import Fingerprint, digest, overlap, resemblance, signature
from drbn_lightning.data.likeness import NEAR, alike, distances
from drbn_lightning.data.paired.lol_layout import find_pairs
from drbn_lightning.data.paired.matching import pair_files
from drbn_lightning.errors import DRBNError


@dataclass
class Images:
    """Images in memory that describe themselves as a cache does."""

    images: list[Tensor]

    def name(self, number: int, /) -> str:
        return f"low0{number}.png"

    def digest(self, number: int, /) -> str:
        return digest(self.images[number])

    def signature(self, number: int, /) -> str:
        return signature(self.images[number])


def scene(seed: int, height: int = 64, width: int = 96) -> Tensor:
    coarse = torch.rand(1, 3, 6, 8, generator=torch.Generator().manual_seed(seed))
    smooth = functional.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1)[0]
    return (smooth * 255).round().byte()


def encoded(image: Tensor, form: str, scale: float = 1, quality: int = 85) -> Tensor:
    whole = Image.fromarray(np.ascontiguousarray(image.permute(1, 2, 0).numpy()))
    whole = whole.resize((round(whole.width * scale), round(whole.height * scale)), Image.Resampling.BICUBIC)
    file = io.BytesIO()
    whole.save(file, form, quality=quality)
    return torch.from_numpy(np.array(Image.open(file).convert("RGB"))).permute(2, 0, 1)


def described(name: str, lows: list[Tensor], normals: list[Tensor]) -> Fingerprint:
    count = len(normals)
    low = range(len(lows))
    return Fingerprint.of_pairs(name, Images(lows + normals), low, range(len(lows), len(lows) + count))


def dark(image: Tensor) -> Tensor:
    return (image.float() * 0.1).byte()


def dark_scene(seed: int) -> Tensor:
    return dark(scene(seed))


def test_digest_depends_on_every_value_and_on_the_shape() -> None:
    image = scene(0)
    other = image.clone()
    other[2, -1, -1] ^= 1
    assert digest(image) == digest(image.permute(1, 2, 0).contiguous().permute(2, 0, 1))
    assert digest(image) != digest(other)
    assert digest(image) != digest(image.reshape(3, 96, 64))


@pytest.mark.parametrize(("form", "scale"), [("PNG", 1), ("JPEG", 1), ("AVIF", 1), ("WEBP", 1), ("PNG", 0.5)])
def test_copies_are_near_and_other_scenes_and_exposures_far(form: str, scale: float) -> None:
    copy = signature(encoded(scene(0), form, scale))
    others = [scene(1), dark(scene(0)), (scene(0).float() * 0.95).byte(), scene(0).flip(0)]
    near = distances([copy], [signature(scene(0)), *map(signature, others)])[0]
    assert near[0] < NEAR  # these small saturated scenes suffer more from subsampled colours than photos do
    assert near[1:].min() > NEAR


def test_overlap_is_by_content_not_by_name() -> None:
    train = described("train", [dark(scene(n)) for n in range(6)], [scene(n) for n in range(6)])
    lows = [dark(scene(9)), dark(scene(3)), dark(scene(8)), dark(scene(9))]
    test = described("test", lows, [encoded(scene(2), "JPEG"), scene(10), scene(8), scene(5)])
    assert overlap(train, test) == ["low04", "low05", "low07"]
    assert overlap(test, train) != []
    assert overlap(described("photos", [], [scene(8)]), test) == ["low06"]
    assert overlap(train, Fingerprint("synthetic", 5, "0" * 16)) == []
    assert overlap(Fingerprint("synthetic", 5, "0" * 16), test) == []


def test_a_near_low_image_alone_is_no_overlap() -> None:
    low = dark(scene(0))
    other_exposure = low.clone()
    other_exposure[0, 0, 0] ^= 1
    train, test = described("a", [low], [scene(1)]), described("b", [other_exposure], [scene(2)])
    assert overlap(train, test) == []


def test_identity_is_of_the_content_alone() -> None:
    lows, normals = [dark(scene(n)) for n in range(3)], [scene(n) for n in range(3)]
    one, two = described("a", lows, normals), described("b", lows[::-1], normals[::-1])
    assert one.identity == two.identity
    assert len(one.identity) == 16
    assert one.identity != described("a", lows[::-1], normals).identity
    assert one.identity != described("a", lows[:2], normals[:2]).identity
    assert one.count == 3


def test_survives_a_checkpoint_of_plain_values(tmp_path: Path) -> None:
    whole = described("a", [dark(scene(0))], [scene(0)])
    for fingerprint in (whole, described("photos", [], [scene(1)]), Fingerprint("synthetic", 4, "f" * 16)):
        torch.save(fingerprint.as_dict(), tmp_path / "a.pt")
        assert Fingerprint.from_dict(torch.load(tmp_path / "a.pt", weights_only=True)) == fingerprint


def test_a_damaged_fingerprint_says_so() -> None:
    plain = described("a", [dark(scene(0))], [scene(0)]).as_dict()
    with pytest.raises(DRBNError, match="identity, low"):
        Fingerprint.from_dict({key: plain[key] for key in plain if key not in ("identity", "low")})
    damages: list[dict[str, object]] = [{"normal": []}, {"signatures": ["00"]}, {"count": 2}]
    for damage in damages:
        with pytest.raises(DRBNError, match="data set a "):
            Fingerprint.from_dict({**plain, **damage})


def test_low_images_come_one_per_pair_or_not_at_all() -> None:
    with pytest.raises(ValueError, match="zip"):
        Fingerprint.of_pairs("a", Images([scene(0), scene(1), scene(2)]), [0], [1, 2])


def photos(name: str, bright: list[Tensor], dark: list[Tensor]) -> Fingerprint:
    numbers = range(len(bright) + len(dark))
    return Fingerprint.of_photos(name, Images(bright + dark), numbers[: len(bright)], numbers[len(bright) :])


def test_a_photo_may_be_either_half_of_a_pair() -> None:
    pairs = described("pairs", [dark_scene(n) for n in range(4)], [scene(n) for n in range(4)])
    fingerprint = photos("photos", [scene(8), encoded(scene(1), "JPEG"), dark_scene(3)], [dark_scene(2), dark_scene(9)])
    assert overlap(pairs, fingerprint) == ["low01", "low02", "low03"]
    assert overlap(fingerprint, pairs) == ["low05", "low06", "low07"]
    assert overlap(fingerprint, fingerprint) == fingerprint.names
    assert overlap(fingerprint, Fingerprint("synthetic", 5, "0" * 16)) == []


def test_a_dark_photo_is_known_by_its_digest_alone() -> None:
    low = dark_scene(0)
    nearly = low.clone()
    nearly[0, 0, 0] ^= 1
    trained = photos("photos", [scene(5)], [low])
    assert overlap(trained, photos("other", [nearly], [])) == []
    assert overlap(trained, photos("other", [], [nearly])) == []
    assert overlap(trained, photos("other", [low], [])) == ["low00"]


def test_photos_survive_a_checkpoint_and_are_known_by_content(tmp_path: Path) -> None:
    fingerprint = photos("photos", [scene(1)], [dark_scene(2)])
    torch.save(fingerprint.as_dict(), tmp_path / "a.pt")
    assert Fingerprint.from_dict(torch.load(tmp_path / "a.pt", weights_only=True)) == fingerprint
    assert fingerprint.identity == photos("other", [dark_scene(2), scene(1)], []).identity
    assert fingerprint.identity != photos("other", [scene(1)], []).identity
    assert (fingerprint.count, len(fingerprint.identity)) == (2, 16)
    assert photos("none", [], []).count == 0


@pytest.mark.parametrize(("form", "quality"), [("JPEG", 85), ("JPEG", 50), ("AVIF", 60), ("WEBP", 75)])
def test_a_copy_of_a_dark_image_resembles_it_and_no_other_scene(form: str, quality: int) -> None:
    pairs = described("pairs", [dark_scene(n) for n in range(6)], [scene(n) for n in range(6)])
    copies = [encoded(dark_scene(n), form, quality=quality) for n in (2, 4)]
    fingerprint = photos("photos", [copies[0], scene(7)], [copies[1], dark_scene(9)])
    assert overlap(pairs, fingerprint) == []
    assert resemblance(pairs, fingerprint) == ["low00", "low02"]
    assert resemblance(fingerprint, pairs) == ["low08", "low010"]
    assert resemblance(fingerprint, photos("other", [], [copies[1]])) == ["low00"]


def test_low_images_of_two_data_sets_of_pairs_are_not_compared() -> None:
    first, second = described("a", [dark_scene(0)], [scene(1)]), described("b", [dark_scene(0)], [scene(2)])
    assert resemblance(first, second) == []


def test_fingerprints_of_before_have_no_dark_signatures() -> None:
    plain = photos("photos", [scene(1)], [dark_scene(2)]).as_dict()
    before = Fingerprint.from_dict({name: value for name, value in plain.items() if name != "dark"})
    assert before.dark == []
    assert overlap(before, photos("other", [], [dark_scene(2)])) == ["low00"]
    assert resemblance(before, photos("other", [], [dark_scene(2), dark_scene(3)])) == []
    pairs = described("pairs", [dark_scene(2)], [scene(3)])
    assert resemblance(before, pairs) == []
    assert resemblance(pairs, before) == []
    assert overlap(pairs, before) == ["low01"]


def lol(reference: Path, folder: Path, release: str, split: str) -> tuple[Fingerprint, ImageCache]:
    pairs = find_pairs(reference / "data", release, "train" if split == "train" else "test")
    cache = ImageCache.open(folder, pair_files(pairs))
    numbers = range(len(pairs))
    return Fingerprint.of_pairs(f"{release}/{split}", cache, numbers, [len(pairs) + n for n in numbers]), cache


@pytest.mark.slow
@pytest.mark.reference
def test_the_leaks_of_lol_are_found_and_no_others(reference: Path, tmp_path: Path) -> None:
    train, _ = lol(reference, tmp_path, "v1", "train")
    test, _ = lol(reference, tmp_path, "v1", "test")
    other, cache = lol(reference, tmp_path, "v2_real_89", "test")
    assert overlap(train, test) == []
    shared = overlap(train, other)
    assert sorted(set(other.names) - set(shared)) == ["748", "778", "780"]
    assert len(shared) == 86
    for form, scale, step in (("PNG", 1, 8), ("JPEG", 1, 1), ("PNG", 0.5, 2), ("AVIF", 1, 16)):
        numbers = range(0, 89, step)
        copied = described("copies", [], [encoded(cache[89 + number], form, scale) for number in numbers])
        overlapping = set(overlap(train, copied))
        leaks = [other.names[number] in shared for number in numbers]
        assert [name in overlapping for name in copied.names] == leaks
        near = distances(copied.signatures, [other.signatures[number] for number in numbers])
        assert np.diag(near).max() < 0.95  # the measurement in the module
    assert distances(test.signatures, train.signatures).min() > 3.5


@pytest.mark.slow
@pytest.mark.reference
def test_dark_copies_of_lol_are_found_and_no_other_scenes(reference: Path, tmp_path: Path) -> None:
    test, cache = lol(reference, tmp_path, "v1", "test")
    for form, scale, quality in (("JPEG", 1, 85), ("JPEG", 1, 50), ("JPEG", 0.5, 75), ("AVIF", 1, 60), ("WEBP", 1, 75)):
        copies = [encoded(cache[number], form, scale, quality) for number in range(15)]
        assert resemblance(photos("copies", [], copies), test) == test.names
    folders = [reference / "data" / "low-light", reference / "data" / "pairs-camera2" / "low"]
    dark = [ImageCache.open(tmp_path, sorted(folder.iterdir())) for folder in folders]
    for others in dark:
        numbers = range(len(others))
        described_others = Fingerprint.of_photos("others", others, [], numbers)
        assert resemblance(described_others, test) == []
        near = alike(described_others.dark, described_others.dark)
        assert (near.sum(axis=1) <= 1).all()
