from pathlib import Path

import pytest
import torch

from drbn_lightning.errors import DRBNError
from drbn_lightning.metrics.catalog import choose_columns, choose_metrics
from drbn_lightning.metrics.psnr import psnr


def test_gt_mean_and_shaved_figures_have_columns_of_their_own() -> None:
    metrics = choose_metrics(["psnr", "ssim", "gt_mean", "lpips"], shave=3)
    assert [one.key for one in metrics] == [
        "psnr",
        "ssim",
        "psnr_gt_mean",
        "ssim_gt_mean",
        "psnr_gt_luminance",
        "psnr_shaved",
        "ssim_shaved",
    ]
    assert len({one.heading for one in metrics}) == len(metrics)
    low, target = torch.rand(2, 1, 3, 20, 24, generator=torch.Generator().manual_seed(0))
    by_key = {one.key: one(low, target).item() for one in metrics}
    assert by_key["psnr_shaved"] == pytest.approx(psnr(low[..., 3:-3, 3:-3], target[..., 3:-3, 3:-3]).item())
    assert by_key["psnr_shaved"] != pytest.approx(by_key["psnr"], abs=1e-3)


def test_unknown_names_and_negative_borders() -> None:
    with pytest.raises(DRBNError, match=r"metrics .*'mse'.*psnr, ssim, .*gt_mean, .*lpips"):
        choose_metrics(["psnr", "mse"])
    with pytest.raises(DRBNError, match="shave=-1"):
        choose_metrics(["psnr"], shave=-1)


def test_what_is_left_out_is_in_the_definition() -> None:
    shaved = choose_metrics(["psnr"], shave=10)[1]
    assert shaved.define().endswith("10 pixels left out at each side; higher is better")


def test_without_its_weights_lpips_is_missed_aloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    columns = choose_columns(["psnr", "lpips"], lpips={"backbone": "alex", "weights": None})
    assert [one.key for one in columns.with_target] == ["psnr"]
    (line,) = columns.absent
    assert line.startswith("LPIPS is not measured: ")
    assert "lpips.weights=PATH" in line
    assert choose_columns(["psnr"]).absent == []
    with pytest.raises(DRBNError, match=r"nowhere\.pth"):
        choose_columns(["lpips"], lpips={"backbone": "alex", "weights": "nowhere.pth"})


def test_photos_without_targets_always_have_the_plain_measures() -> None:
    columns = choose_columns(["psnr"], no_reference=["brightness"])
    assert [one.key for one in columns.with_target] == ["psnr", "brightness"]
    assert [one.key for one in columns.without_target] == ["brightness", "clipped", "colourfulness"]
    assert [one.key for one in columns.all] == ["psnr", "brightness", "clipped", "colourfulness"]
    bright = torch.full((1, 3, 4, 4), 0.6)
    assert columns.without_target[0](bright, torch.zeros_like(bright)).item() == pytest.approx(0.6)


def test_what_is_asked_for_by_name_must_be_there() -> None:
    with pytest.raises(DRBNError, match=r"no_reference .*'magic'.*brightness, .*niqe"):
        choose_columns([], no_reference=["magic"])
