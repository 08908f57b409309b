import subprocess
import sys

import pytest

from drbn_lightning.names import STAGES


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "drbn_lightning.train", *words], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("stage", STAGES)
def test_the_word_chooses_the_stage(stage: str) -> None:
    done = command(f"stage={stage}", "--cfg", "job")
    assert done.returncode == 0
    assert f"_target_: drbn_lightning.stages.{stage}." in done.stdout


def test_a_wrong_stage_names_those_that_there_are() -> None:
    done = command("stage=nonsense", "--cfg", "job")
    assert done.returncode != 0
    assert all(stage in done.stderr for stage in STAGES)
