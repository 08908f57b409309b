from pathlib import Path

import pytest

from drbn_lightning.errors import DRBNError
from drbn_lightning.runs.sweep_summary import CSV, MARKDOWN, PLOT, summarize, summarized
from tests.runs.folders import run_folder


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    for job in range(3):
        run_folder(tmp_path / str(job), f"network.recursions={job + 1}", "seed=0", psnr=[20.0 + job])
    failed = {"status": "failed", "reason": "too few"}
    run_folder(tmp_path / "3", "network.recursions=0", "seed=0", psnr=[], more=failed)
    return tmp_path


def test_table_and_plot_are_written(sweep: Path) -> None:
    text = summarize(sweep)
    assert text.startswith("## stage=band: 1 failed, 3 finished\n\n| run | network.recursions | status |")
    assert "| 3 | 0 | failed |" in text
    assert "| too few |" in text
    assert (sweep / MARKDOWN).read_text().startswith(text)
    assert len((sweep / CSV).read_text().splitlines()) == 5
    assert (sweep / PLOT).stat().st_size > 1000
    assert not list(sweep.glob(".*"))


def test_the_end_of_a_job_brings_it_up_to_date_whatever_happens(sweep: Path) -> None:
    with pytest.raises(DRBNError, match="mine"), summarized(sweep):
        raise DRBNError("mine")
    assert (sweep / MARKDOWN).exists()
    with summarized(None):
        pass


def test_a_summary_that_fails_fails_no_job(sweep: Path, log: pytest.LogCaptureFixture) -> None:
    (sweep / "0" / "run.json").write_text("{")
    with summarized(sweep):
        pass
    assert "could not be written" in log.text
