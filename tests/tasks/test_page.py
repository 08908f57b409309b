from pathlib import Path

import numpy as np
import pytest

from drbn_lightning.errors import DRBNError
from drbn_lightning.images.rgb import read_rgb, write_png
from drbn_lightning.page import build_parser
from drbn_lightning.tasks.page import KEPT_RUNS, Work
from tests.running import published


@pytest.fixture
def work(tmp_path: Path) -> Work:
    checkpoint = published(tmp_path / "networks") / "band.pt"
    (tmp_path / "work").mkdir()
    return Work(tmp_path / "work", build_parser().parse_args(["--checkpoint", str(checkpoint), "--max-side", "16"]))


def photo(path: Path, size: tuple[int, int] = (24, 40)) -> Path:
    write_png(path, np.random.default_rng(0).integers(0, 60, (*size, 3), dtype=np.uint8))
    return path


def test_the_result_is_whole_and_the_previews_are_small(work: Work, tmp_path: Path) -> None:
    done = work.enhance(photo(tmp_path / "night.png"), "band", 1.0, self_ensemble=False)
    assert done.file.name == "night.png"
    assert read_rgb(done.file).shape == (24, 40, 3)
    assert read_rgb(done.before).shape == read_rgb(done.after).shape == (10, 16, 3)


def test_strength_0_gives_the_photo_back(work: Work, tmp_path: Path) -> None:
    source = photo(tmp_path / "night.png")
    done = work.enhance(source, "band", 0.0, self_ensemble=False)
    np.testing.assert_array_equal(read_rgb(done.file), read_rgb(source))


def test_only_the_last_runs_are_kept(work: Work, tmp_path: Path) -> None:
    source = photo(tmp_path / "night.png")
    done = [work.enhance(source, "band", 1.0, self_ensemble=False) for _ in range(KEPT_RUNS + 1)]
    assert not done[0].file.exists()
    assert all(one.file.exists() for one in done[1:])
    assert len({one.file.read_bytes() for one in done[1:]}) == 1


def test_a_file_that_cannot_be_read_is_called_by_its_name_only(work: Work, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    with pytest.raises(DRBNError, match=r"bad\.png") as caught:
        work.enhance(bad, "band", 1.0, self_ensemble=False)
    assert str(tmp_path) not in str(caught.value)
