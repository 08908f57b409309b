import warnings
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from drbn_lightning.checkpoints.artifact import header, save
from drbn_lightning.checkpoints.description import NetworkDescription
from drbn_lightning.data.fingerprints import Fingerprint
from drbn_lightning.data.leaks import check_seen, warn_or_refuse
from drbn_lightning.data.paired.folders import PairedFoldersDataModule
from drbn_lightning.data.paired.mixed import MixedDataModule
from drbn_lightning.data.paired.photos import PhotosDataModule
from drbn_lightning.data.simulation.camera import LowLightCamera
from drbn_lightning.data.unpaired.folders import FoldersDataModule
from drbn_lightning.errors import DRBNError
from drbn_lightning.networks.discriminator import Discriminator
from drbn_lightning.tasks.train import train
from tests.data.samples import ready
from tests.data.unpaired.photo_tables import pixels, write_photo
from tests.running import TINY, TINY_NETWORKS, composed, published

SIZE = (24, 30)
REMEDY = "use another network"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Five training pairs and three test pairs, and folders of good and of dark photos."""
    for split, count in (("train", 5), ("test", 3)):
        for number in range(count):
            values = pixels(f"{split}{number}", SIZE)
            write_photo(tmp_path / split / "high" / f"{number}.png", values)
            write_photo(tmp_path / split / "low" / f"{number}.png", values // 8)
    for number in range(6):
        write_photo(tmp_path / "good" / f"g{number}.png", pixels(f"good{number}", SIZE))
        write_photo(tmp_path / "dark" / f"d{number}.png", pixels(f"dark{number}", SIZE) // 8)
    return tmp_path


def pairs(root: Path, on_overlap: str = "warn", tested: bool = True) -> PairedFoldersDataModule:
    test = {"test_low": str(root / "test/low"), "test_normal": str(root / "test/high")} if tested else {}
    return PairedFoldersDataModule(
        str(root / "train"),
        cache=str(root / "cache"),
        **test,  # type: ignore[arg-type]  # folders
        crop_size=12,
        validation_pairs=1,
        on_overlap=on_overlap,  # type: ignore[arg-type]  # one of both words
        num_workers=0,
    )


def photos(root: Path) -> list[Fingerprint]:
    """What a discriminator saw that was trained on the folders of photos."""
    data = FoldersDataModule(
        str(root / "good"),
        real_low=str(root / "dark"),
        cache=str(root / "cache"),
        short_side=20,
        crop_size=16,
        num_workers=0,
    )
    return ready(data).trained_on()


def test_as_on_overlap_says(root: Path) -> None:
    with pytest.warns(UserWarning, match="3 images: figures on this test set will be too good"):
        warn_or_refuse(pairs(root), "3 images", "remove them")
    with pytest.raises(DRBNError, match=r"3 images; remove them, .*data\.on_overlap=warn"):
        warn_or_refuse(pairs(root, "error"), "3 images", "remove them")


def test_a_discriminator_that_has_seen_none_is_fine(root: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_seen(pairs(root, "error"), {"uses.quality=q.pt": photos(root)}, REMEDY)
        check_seen(pairs(root, "error"), {"uses.quality=q.pt": []}, REMEDY)


def test_copies_of_targets_and_of_dark_images_are_told_apart(root: Path) -> None:
    Image.fromarray(pixels("test1", SIZE)).save(root / "good" / "g0.jpg", quality=95, subsampling=0)
    for number in range(6):  # one of which is held out, one validates
        Image.fromarray(pixels("test2", SIZE) // 8).save(root / "dark" / f"d{number}.jpg", quality=85 + number)
        (root / "dark" / f"d{number}.png").unlink()
    seen = photos(root)
    with pytest.warns(UserWarning, match=r"of the 3 test images of") as warned:
        check_seen(pairs(root), {"uses.band=b.pt": [], "uses.quality=q.pt": seen}, REMEDY)
    first, second = (str(one.message) for one in warned)
    assert "1 of the 3 test images of train/test were seen by uses.quality=q.pt (folder/" in first
    assert first.index("for example 1") > 0
    assert "1 of the 3 test images of train/test look like photos that were seen by uses.quality=q.pt" in second
    assert second.index("for example 2") > 0
    with pytest.raises(DRBNError, match=r"uses\.quality=q\.pt .*data\.on_overlap=warn"):
        check_seen(pairs(root, "error"), {"uses.quality=q.pt": seen}, REMEDY)


def test_what_two_networks_have_seen_is_said_once(root: Path) -> None:
    tested = pairs(root)
    tested.setup("test")
    seen = [replace(tested.tested_on(), name="v1/train")]
    with pytest.warns(UserWarning, match=r"3 of the 3 test images .* seen by uses\.band \(v1/train\)") as warned:
        check_seen(pairs(root), {"uses.band": seen, "uses.quality": seen}, REMEDY)
    assert len(warned) == 1


def test_pairs_that_test_on_nothing_else_are_not_compared(root: Path) -> None:
    tested = pairs(root)
    tested.setup("test")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_seen(pairs(root, tested=False), {"uses.band": [tested.tested_on()]}, REMEDY)


def test_a_test_set_that_is_not_there_is_a_warning(root: Path) -> None:
    seen = photos(root)
    (root / "test").rename(root / "away")
    with pytest.warns(UserWarning, match=r"could not be compared with uses\.quality: .*test/low"):
        check_seen(pairs(root), {"uses.quality": seen}, REMEDY)


@pytest.mark.parametrize("on_overlap", ["warn", "error"])
def test_no_part_of_a_mixture_may_hold_test_images_of_the_first(root: Path, on_overlap: str) -> None:
    write_photo(root / "good" / "copy.png", pixels("test1", SIZE))
    options = {"crop_size": 12, "validation_photos": 1, "num_workers": 0}
    bright = PhotosDataModule(str(root / "good"), LowLightCamera(), str(root / "cache"), **options)
    data = MixedDataModule({"pairs": pairs(root, on_overlap), "photos": bright}, crop_size=12, num_workers=0)
    data.prepare_data()
    message = r"1 of the 3 .*data\.parts\.photos .*, for example 1"
    message += "" if on_overlap == "warn" else r".*data\.parts\.pairs\.on_overlap=warn"
    with pytest.warns(UserWarning, match=message) if on_overlap == "warn" else pytest.raises(DRBNError, match=message):
        data.setup("fit")


def test_stage_2_says_so_before_it_begins(root: Path) -> None:
    trained = photos(root)[0].names[0]
    write_photo(root / "good" / f"{trained}.png", pixels("test1", SIZE))
    artifacts = published(root / "artifacts")
    network = Discriminator(base_channels=2)
    description = NetworkDescription("drbn_lightning.networks.discriminator.Discriminator", {"base_channels": 2})
    seen = [one.as_dict() for one in photos(root)]
    save(artifacts / "quality.pt", header("quality", description, {}, seen), network.state_dict())
    data = [
        f"data.root={root / 'train'}",
        f"data.test_low={root / 'test/low'}",
        f"data.test_normal={root / 'test/high'}",
    ]
    words = ["stage=recompose", *TINY, *TINY_NETWORKS[1:], "data=folders", *data, "data.on_overlap=error"]
    words += ["data.crop_size=12", "data.validation_pairs=1", "unpaired.num_workers=0", f"paths.artifacts={artifacts}"]
    with pytest.raises(DRBNError, match=r"1 of the 3 test images .*uses\.quality=.*quality\.pt \(folder/.*example 1"):
        train(composed(root / "run", *words), "recompose", words, publish=False)
    assert not (root / "run" / "checkpoints").exists()
