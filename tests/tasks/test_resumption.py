from pathlib import Path

import numpy as np
import pytest

from drbn_lightning.checkpoints.artifact import read
from drbn_lightning.errors import DRBNError
from drbn_lightning.images.rgb import write_png
from drbn_lightning.tasks.resumption import require_same_samples
from drbn_lightning.tasks.train import train
from tests.running import TINY, composed, tiny, tiny_photos

CONSTANT = "stage.scheduler=${schedules.constant}"


def run(folder: Path, *words: str) -> float | None:
    return train(tiny(folder, "trainer.max_epochs=1", CONSTANT, *words), "band", list(words), publish=False)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    run(folder)
    return folder


@pytest.mark.parametrize(
    ("word", "named"),
    [
        ("data.batch_size=4", r"data\.batch_size=2 \(now 4\)"),
        ("data.length=12", r"data\.length=8 \(now 12\)"),
        ("data.crop_size=12", r"data\.crop_size=16 \(now 12\)"),
        ("data.validation_scenes=3", r"data\.validation_scenes=2 \(now 3\)"),
        ("seed=1", r"seed=0 \(now 1\), data\.seed=0 \(now 1\)"),
        ("trainer.accumulate_grad_batches=2", r"trainer\.accumulate_grad_batches=1 \(now 2\)"),
        ("trainer.limit_train_batches=1", r"trainer\.limit_train_batches=1\.0 \(now 1\)"),
        ("stage.optimizer.lr=0.5", r"stage\.optimizer\.lr=0\.001 \(now 0\.5\)"),
    ],
)
def test_other_samples_are_refused_by_their_key(finished: Path, word: str, named: str) -> None:
    before = {file: file.read_bytes() for file in finished.rglob("*") if file.is_file()}
    with pytest.raises(DRBNError, match=rf"last\.ckpt .*{named}.*init="):
        run(finished, word, "trainer.max_epochs=2", f"resume={finished}")
    assert {file: file.read_bytes() for file in finished.rglob("*") if file.is_file()} == before


@pytest.mark.slow
def test_what_changes_no_sample_is_free(tmp_path: Path) -> None:
    run(tmp_path)
    more = ["trainer.max_epochs=2", "data.num_workers=1", "data.test_scenes=1", "unpaired.length=3"]
    run(tmp_path, *more, f"resume={tmp_path}")
    assert read(tmp_path / "checkpoints" / "last.ckpt")["global_step"] == 8


def test_keys_that_only_one_of_both_versions_has_are_left_out(tmp_path: Path) -> None:
    config = tiny(tmp_path)
    require_same_samples(tmp_path, "seed: 0\nsources: [data]\ndata: {batch_size: 2, gone: 5}", config)
    with pytest.raises(DRBNError, match=r"data\.batch_size=4 \(now 2\)"):
        require_same_samples(tmp_path, "seed: 0\nsources: [data]\ndata: {batch_size: 4, gone: 5}", config)


def test_the_photos_of_a_stage_count_where_it_sees_any(tmp_path: Path) -> None:
    before = "sources: [unpaired]\ndata: {batch_size: 4}\nunpaired: {batch_size: 3}"
    with pytest.raises(DRBNError, match=r"had unpaired\.batch_size=3 \(now 2\)\."):
        require_same_samples(tmp_path, before, tiny_photos(tmp_path, "quality"))


def photos(folder: Path, count: int) -> Path:
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(count):
        write_png(folder / f"{number}.png", rng.integers(0, 256, (24, 24, 3), dtype=np.uint8))
    return folder


def on_photos(folder: Path, root: Path, epochs: int, *words: str) -> None:
    data = ["data=photos", f"data.root={root}", "data.validation_photos=2", "data.batch_size=2", "data.crop_size=16"]
    config = composed(folder, "stage=band", *TINY, *data, CONSTANT, f"trainer.max_epochs={epochs}", *words)
    train(config, "band", [], publish=False)


@pytest.mark.slow
def test_photos_may_move_but_not_come_and_go(tmp_path: Path) -> None:
    root = photos(tmp_path / "photos", 5)
    on_photos(tmp_path / "run", root, 1)
    moved = root.rename(tmp_path / "moved")
    on_photos(tmp_path / "run", moved, 2, f"resume={tmp_path / 'run'}")
    write_png(moved / "more.png", np.full((24, 24, 3), 99, np.uint8))
    with pytest.raises(DRBNError, match=r"last\.ckpt .*photos/train.*init="):
        on_photos(tmp_path / "run", moved, 3, f"resume={tmp_path / 'run'}")
