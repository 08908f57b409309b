import pytest
import torch

from drbn_lightning.errors import DRBNError
from drbn_lightning.metrics.catalog import choose_measures, define
from drbn_lightning.metrics.fidelity import psnr


def test_gt_mean_and_shaved_figures_have_columns_of_their_own() -> None:
    found = choose_measures(["psnr", "ssim", "gt_mean", "lpips"], shave=3)
    assert [one.key for one in found] == [
        "psnr",
        "ssim",
        "psnr_gt_mean",
        "ssim_gt_mean",
        "psnr_gt_luminance",
        "psnr_shaved",
        "ssim_shaved",
    ]
    assert len({one.title for one in found}) == len(found)
    low, target = torch.rand(2, 1, 3, 20, 24, generator=torch.Generator().manual_seed(0))
    by_key = {one.key: one.of(low, target).item() for one in found}
    assert by_key["psnr_shaved"] == pytest.approx(psnr(low[..., 3:-3, 3:-3], target[..., 3:-3, 3:-3]).item())
    assert by_key["psnr_shaved"] != pytest.approx(by_key["psnr"], abs=1e-3)


def test_definitions_say_what_is_better_and_what_is_left_out() -> None:
    shaved = choose_measures(["psnr"], shave=10)[1]
    assert define(shaved).endswith("10 pixels left out at each side; higher is better")


def test_unknown_names_and_negative_borders() -> None:
    with pytest.raises(DRBNError, match=r"measures holds 'mse'; there are psnr, ssim, .*, gt_mean, lpips"):
        choose_measures(["psnr", "mse"])
    with pytest.raises(DRBNError, match="shave=-1 is negative"):
        choose_measures(["psnr"], shave=-1)
