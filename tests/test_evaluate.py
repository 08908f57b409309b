import subprocess
import sys


def test_a_wrong_key_is_named_and_nothing_is_evaluated() -> None:
    words = [sys.executable, "-m", "drbn_lightning.evaluate", "chekpoint=a.pt"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "chekpoint" in done.stderr
    assert done.stdout == ""
