"""Faults of the machine and of the data under a run: one clear error, nothing half written; the run goes on after."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from drbn_lightning.images.rgb import write_png
from tests.reliability.commands import Ended, run
from tests.reliability.faults import FILLER, At, Fault, mounted
from tests.reliability.runs import goes_on, is_whole, leftovers, same_end, words
from tests.running import TINY

pytestmark = pytest.mark.reliability
SMALL = ("network.recursions=1", "trainer.max_epochs=2", "trainer.log_every_n_steps=2", "resume=auto")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for number in range(5):
        write_png(folder / f"{number}.png", rng.integers(0, 256, (24, 24, 3), dtype=np.uint8))
    return folder


def on_photos(root: Path, folder: Path, *more: str) -> list[str]:
    """The command line of a run of stage 1 on photos."""
    data = ("data=photos", f"data.root={root}", "data.validation_photos=1", "data.batch_size=2", "data.crop_size=16")
    paths = (f"paths.artifacts={folder / 'artifacts'}", f"paths.cache={folder / 'cache'}")
    return ["stage=band", *TINY, *data, *paths, f"hydra.run.dir={folder / 'run'}", *SMALL, *more]


@pytest.fixture(scope="module")
def whole(artifacts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run on scenes that nothing befell."""
    folder = tmp_path_factory.mktemp("whole")
    assert run(folder, words(artifacts, folder, "band")).status == 0
    return folder / "run"


@pytest.fixture(scope="module")
def whole_of_photos(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    ended = run(folder, on_photos(photos, folder))
    assert ended.status == 0, ended.said
    return folder / "run"


def one_error(ended: Ended, *named: str) -> bool:
    """Whether a command has failed with one line of error, which names what it must."""
    assert ended.status == 1, ended.said
    assert "Traceback" not in ended.said
    (line,) = [line for line in ended.said.splitlines() if line.startswith("error: ")]
    assert [name for name in named if name not in line] == [], line
    return True


FULL = {
    "checkpoint": At("between gradients and step", 2),
    "image": At("in a validation", 0),
    "log": At("before a step", 5),
}


@pytest.mark.parametrize("what", FULL)
def test_a_full_disk_ends_a_run_with_one_error(artifacts: Path, whole: Path, tmp_path: Path, what: str) -> None:
    with mounted(tmp_path / "disk", "-o", "size=8m") as disk:
        command = words(artifacts, disk, "band", minutes=0 if what == "checkpoint" else 5)
        assert one_error(run(tmp_path, command, Fault("full", FULL[what], disk)), str(disk / "run"))
        assert is_whole(disk)
        assert leftovers(disk) == []
        (disk / FILLER).unlink()
        assert goes_on(command, tmp_path, whole)


def test_a_full_disk_for_decoded_images(photos: Path, whole_of_photos: Path, tmp_path: Path) -> None:
    with mounted(tmp_path / "cache", "-o", "size=4k") as disk:
        assert one_error(run(tmp_path, on_photos(photos, tmp_path)), str(disk), "paths.cache")
        assert list(disk.iterdir()) == []
    assert goes_on(on_photos(photos, tmp_path), tmp_path, whole_of_photos)


def test_a_full_disk_for_results(photos: Path, tmp_path: Path) -> None:
    command = [str(photos), "-o", str(tmp_path / "out"), "--quiet"]
    with mounted(tmp_path / "out", "-o", "size=4k") as disk:
        ended = run(tmp_path, command, entry="enhance")
        assert ended.status == 1
        assert str(disk) in ended.said
        assert "no space is left" in ended.said
        assert "Traceback" not in ended.said
        assert leftovers(disk) == []
    assert run(tmp_path, command, entry="enhance").status == 0
    assert len(list((tmp_path / "out").iterdir())) == 5


@pytest.mark.parametrize("name", ["run", "cache", "artifacts"])
def test_a_read_only_folder_is_named(photos: Path, whole_of_photos: Path, tmp_path: Path, name: str) -> None:
    command = on_photos(photos, tmp_path)
    with mounted(tmp_path / name, "-o", "ro") as folder:
        assert one_error(run(tmp_path, command), str(folder), "read-only")
    assert goes_on(command, tmp_path, whole_of_photos)
    assert (tmp_path / "artifacts" / "band.pt").exists()


@pytest.mark.parametrize("workers", [0, 1])
def test_a_run_needs_its_files_only_at_the_start(
    photos: Path, whole_of_photos: Path, tmp_path: Path, workers: int
) -> None:
    command = on_photos(photos, tmp_path, f"data.num_workers={workers}")
    ended = run(tmp_path, command, Fault("removed", At("before a step", 1), tmp_path / "cache"))
    assert ended.status == 0, ended.said
    assert same_end(tmp_path / "run", whole_of_photos)


@pytest.mark.parametrize("workers", [0, 1])
def test_decoded_images_that_are_cut_under_a_run_are_made_again(
    photos: Path, whole_of_photos: Path, tmp_path: Path, workers: int
) -> None:
    command = on_photos(photos, tmp_path, f"data.num_workers={workers}")
    ended = run(tmp_path, command, Fault("cut", At("before a step", 9), tmp_path / "cache"))
    assert ended.status != 0
    assert is_whole(tmp_path)
    assert goes_on(command, tmp_path, whole_of_photos)


@pytest.mark.parametrize("stage", ["band", "quality"])
def test_a_killed_worker_is_one_error(artifacts: Path, whole: Path, tmp_path: Path, stage: str) -> None:
    command = words(artifacts, tmp_path, stage, workers=2)
    ended = run(tmp_path, command, Fault("killed worker", At("before a step", 5)))
    assert one_error(ended, "num_workers", "resume=")
    assert goes_on(command, tmp_path, whole if stage == "band" else None)


def test_too_little_memory_is_one_error(artifacts: Path, tmp_path: Path) -> None:
    large = ("data.scene_size=256", "data.crop_size=256", "network.base_channels=16")
    command = words(artifacts, tmp_path, "band", *large)
    assert one_error(run(tmp_path, command, Fault("memory", At("before a step", 0))), "memory", "data.batch_size")
    assert goes_on(command, tmp_path)


def test_exploding_gradients_leave_the_checkpoint_before(artifacts: Path, tmp_path: Path) -> None:
    rate = ("stage.optimizer.lr=1e18", "trainer.gradient_clip_val=null", "stage.scheduler=null")
    assert one_error(
        run(tmp_path, words(artifacts, tmp_path, "band", *rate, minutes=0)), "diverged", "stage.optimizer.lr"
    )
    assert is_whole(tmp_path)
    assert leftovers(tmp_path) == []
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "failed"


def test_numbers_that_are_none_in_a_photo_are_named(tmp_path: Path) -> None:
    for number in range(4):
        image = np.full((24, 24, 3), 0.5, np.float32)
        image[3, 4] = np.nan if number == 2 else 0.1
        (tmp_path / "photos").mkdir(exist_ok=True)
        tifffile.imwrite(tmp_path / "photos" / f"{number}.tif", image, photometric="rgb")
    assert one_error(run(tmp_path, on_photos(tmp_path / "photos", tmp_path)), "2.tif", "nan")
