from pathlib import Path

import pytest
import torch

from drbn_lightning.errors import DRBNError
from drbn_lightning.metrics.optional import choose_columns


def test_without_its_weights_lpips_is_missed_aloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    columns = choose_columns(["psnr", "lpips"], lpips={"backbone": "alex", "weights": None})
    assert [one.key for one in columns.with_target] == ["psnr"]
    (line,) = columns.absent
    assert line.startswith("LPIPS is not measured: ")
    assert "lpips.weights=PATH" in line
    assert choose_columns(["psnr"]).absent == []
    with pytest.raises(DRBNError, match=r"nowhere\.pth does not exist"):
        choose_columns(["lpips"], lpips={"backbone": "alex", "weights": "nowhere.pth"})


def test_photos_without_targets_always_have_the_plain_measures() -> None:
    columns = choose_columns(["psnr"], no_reference=["brightness"])
    assert [one.key for one in columns.with_target] == ["psnr", "brightness"]
    assert [one.key for one in columns.bare] == ["brightness", "clipped", "colourfulness"]
    assert [one.key for one in columns.all] == ["psnr", "brightness", "clipped", "colourfulness"]
    bright = torch.full((1, 3, 4, 4), 0.6)
    assert columns.bare[0].of(bright, torch.zeros_like(bright)).item() == pytest.approx(0.6)


def test_what_is_asked_for_by_name_must_be_there() -> None:
    with pytest.raises(DRBNError, match=r"no_reference holds 'magic'; there are brightness, .*niqe"):
        choose_columns([], no_reference=["magic"])
