import io
import sys
from pathlib import Path

import pytest
from PIL import Image

from drbn_lightning.errors import DRBNError
from drbn_lightning.inference.left_out import Failure
from drbn_lightning.inference.streams import emit, renamed, stored_input


class Stream:
    """A standard stream that holds bytes."""

    def __init__(self, content: bytes = b"") -> None:
        self.buffer = io.BytesIO(content)


@pytest.mark.parametrize(("kind", "suffix"), [("JPEG", ".jpg"), ("PNG", ".png"), ("TIFF", ".tif"), ("PPM", "")])
def test_input_is_stored_under_the_suffix_of_its_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, suffix: str
) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (3, 2)).save(buffer, kind)
    monkeypatch.setattr(sys, "stdin", Stream(buffer.getvalue()))
    path = stored_input(tmp_path)
    assert path.name == f"stdin{suffix}"
    assert path.read_bytes() == buffer.getvalue()


def test_empty_input_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Stream())
    with pytest.raises(DRBNError, match="standard input is empty"):
        stored_input(tmp_path)


def test_a_file_is_copied_to_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"content")
    output = Stream()
    monkeypatch.setattr(sys, "stdout", output)
    emit(tmp_path / "a")
    assert output.buffer.getvalue() == b"content"


def test_failures_call_it_by_the_name_that_the_user_knows(tmp_path: Path) -> None:
    path = tmp_path / "stdin.jpg"
    failure = Failure(str(path), f"The file {path} is empty")
    assert renamed(failure, path) == Failure("-", "The file standard input is empty")
    assert renamed(failure, None) is failure
