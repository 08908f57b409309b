from pathlib import Path
from typing import Literal

import pytest

from drbn_lightning.data.cache import ImageCache
from drbn_lightning.data.fingerprints import Fingerprint
from drbn_lightning.data.paired.lol_layout import find_pairs
from drbn_lightning.data.paired.matching import pair_files
from drbn_lightning.data.paired.stored import CachedPairs
from drbn_lightning.evaluation.leakage import notes
from drbn_lightning.evaluation.methods import EvaluatedMethod


def method(**changes: object) -> EvaluatedMethod:
    evaluated = EvaluatedMethod("mine", lambda image: image.low, {"kind": "checkpoint"}, [])
    return evaluated._replace(**changes)  # type: ignore[arg-type]  # fields of EvaluatedMethod


def fingerprint_of(name: str, *names: str) -> Fingerprint:
    digests = [f"digest of {one}" for one in names]
    return Fingerprint(name, len(names), "0" * 16, list(names), digests, digests, [""] * len(names))


def test_what_was_seen_is_counted_by_content() -> None:
    trained = fingerprint_of("mine/train", "a", "c", "d")
    (note,) = notes([method(trained_on=[trained.as_dict()])], fingerprint_of("theirs/test", "a", "b", "c"))
    assert note.text == (
        "2 of the 3 images of theirs/test were seen in training (mine/train), for example a; the figures are too good"
    )
    assert (note.method, note.is_warning, note.seen, note.of) == ("mine", True, 2, 3)
    assert notes([method(trained_on=[trained.as_dict()])], fingerprint_of("theirs/test", "x")) == []


def test_what_several_sets_hold_is_counted_once() -> None:
    trained = [
        fingerprint_of("mine/train", "a"),
        fingerprint_of("mine/validation", "c", "a"),
        fingerprint_of("other/train", "x"),
    ]
    (note,) = notes(
        [method(trained_on=[one.as_dict() for one in trained])], fingerprint_of("theirs/test", "a", "b", "c")
    )
    assert note.text.startswith("2 of the 3 images of theirs/test were seen in training (mine/train, mine/validation)")
    assert note.seen == 2


def test_what_is_unknown_is_said_to_be() -> None:
    (note,) = notes([method(trained_on=None)], fingerprint_of("v1/test", "1"))
    assert "unknown" in note.text
    assert not note.is_warning
    baseline = method(trained_on=None, is_baseline=True)
    assert notes([baseline, method()], fingerprint_of("v1/test", "1")) == []


@pytest.mark.parametrize(
    ("name", "images", "seen"),
    [
        ("v1/test", ("1", "689", "690", "748"), 2),
        ("v2_real/test", ("low00690", "low00689"), 1),
        ("synthetic/test", ("1", "2"), None),
    ],
)
def test_released_weights_have_seen_the_numbers_of_the_released_code(
    name: str, images: tuple[str, ...], seen: int | None
) -> None:
    released = method(trained_on=None, origin={"source": "official stage-1 weights"})
    (note,) = notes([released], fingerprint_of(name, *images))
    assert "official stage-1 weights do not say which images they were trained on" in note.text
    assert (note.seen, note.is_warning) == (seen, bool(seen))


def lol_v2_real(root: Path, v1: Path) -> Path:
    """LOL-v2-real as far as LOL-v1 holds it, under the names that it has there, by links."""
    for split in ("our485", "eval15"):
        for low in (v1 / split / "low").iterdir():
            number = int(low.stem)
            folder = root / "Real_captured" / ("Test" if number >= 690 else "Train")
            high = next((v1 / split / "high").glob(f"{low.stem}.*"))
            for source, side, prefix in ((low, "Low", "low"), (high, "Normal", "normal")):
                (folder / side).mkdir(parents=True, exist_ok=True)
                (folder / side / f"{prefix}{number:05d}{source.suffix}").symlink_to(source)
    return root


@pytest.mark.slow
@pytest.mark.reference
@pytest.mark.filterwarnings("ignore:Found .* pairs of LOL")
def test_lol_v1_and_lol_v2_real_leak_into_each_other(reference: Path, tmp_path: Path) -> None:
    first = reference / "data" / "lol-v1"
    roots = {"v1": first, "v2_real": lol_v2_real(tmp_path / "v2", first)}

    def fingerprint(release: str, split: Literal["train", "test"]) -> Fingerprint:
        pairs = find_pairs(roots[release], release, split)
        cache = ImageCache.open(tmp_path / "cache", pair_files(pairs))
        return CachedPairs(cache, pairs).fingerprint(f"{release}/{split}")

    def said(trained: str, on: str) -> str:
        fingerprints = [fingerprint(trained, "train").as_dict()]
        (note,) = notes([method(trained_on=fingerprints)], fingerprint(on, "test"))
        assert note.is_warning
        return note.text

    assert said("v1", "v2_real").startswith("86 of the 89 images of v2_real/test were seen in training (v1/train)")
    assert said("v2_real", "v1").startswith("12 of the 15 images of v1/test were seen in training (v2_real/train)")
