from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from drbn_lightning.checkpoints.enhancement_model import load_model
from drbn_lightning.data.paired.lol_layout import find_pairs
from drbn_lightning.metrics.catalog import FULL_REFERENCE
from drbn_lightning.metrics.gt_mean import psnr_gt_luminance, psnr_gt_mean
from drbn_lightning.metrics.metric import Metric
from drbn_lightning.metrics.no_reference import NO_REFERENCE
from drbn_lightning.metrics.pixels import shaved
from drbn_lightning.metrics.psnr import PSNR, psnr
from drbn_lightning.metrics.ssim import SSIM, ssim
from drbn_lightning.networks.first_guess import thumbnails_of

WITH_TARGET = [metric for metrics in FULL_REFERENCE.values() for metric in metrics]


def pair() -> tuple[Tensor, Tensor]:
    result, target = torch.rand(2, 2, 3, 16, 18, generator=torch.Generator().manual_seed(0))
    return 0.4 * result, target


@pytest.mark.parametrize("metric", WITH_TARGET, ids=lambda metric: metric.key)
def test_every_measure_gives_one_figure_for_each_image(metric: Metric) -> None:
    result, target = pair()
    both = metric(result, target)
    assert both.shape == (2,)
    assert both.isfinite().all()
    single = [metric(result[n : n + 1], target[n : n + 1]).item() for n in range(2)]
    assert both.tolist() == pytest.approx(single, abs=1e-5)


@pytest.mark.parametrize("metric", WITH_TARGET, ids=lambda metric: metric.key)
def test_an_equal_result_is_best(metric: Metric) -> None:
    result, target = pair()
    best, other = metric(target, target), metric(result, target)
    assert metric.better in (-1, 1)
    assert (metric.better * (best - other) > 0).all()


def test_keys_and_titles_are_unique() -> None:
    metrics = [*WITH_TARGET, *NO_REFERENCE.values()]
    assert len({metric.key for metric in metrics}) == len({metric.title for metric in metrics}) == len(metrics)


def test_each_metric_has_a_line_that_says_all() -> None:
    assert PSNR.define() == "PSNR dB: over RGB, result rounded to 8 bits; higher is better"
    assert SSIM.define().startswith("SSIM: mean over RGB")
    assert NO_REFERENCE["clipped"].define().endswith("; lower is better")
    assert "better" not in NO_REFERENCE["brightness"].define()


def test_a_metric_that_needs_no_target_does_not_look_at_it() -> None:
    result, target = pair()
    brightness = NO_REFERENCE["brightness"]
    assert torch.equal(brightness(result, target), brightness(result, None))


@pytest.mark.slow
@pytest.mark.reference
def test_released_weights_score_on_eval15_what_was_measured_with_the_released_code(reference: Path) -> None:
    network = load_model(reference / "reference" / "official_stage1.pt").network.to(memory_format=torch.channels_last)
    figures: dict[str, list[float]] = {name: [] for name in ("psnr", "shaved", "ssim", "gt_mean", "gt_luminance")}
    for pair in find_pairs(reference / "data" / "lol-v1", "v1", "test"):
        low, target = (
            torch.from_numpy(np.array(Image.open(path).convert("RGB"))).permute(2, 0, 1)[None] / 255
            for path in (pair.low, pair.normal)
        )
        with torch.inference_mode():
            result = network(low.contiguous(memory_format=torch.channels_last), thumbnails_of(low)).full
        figures["psnr"] += psnr(result, target).tolist()
        figures["shaved"] += psnr(shaved(result, 10), shaved(target, 10)).tolist()
        figures["ssim"] += ssim(result, target).tolist()
        figures["gt_mean"] += psnr_gt_mean(result, target).tolist()
        figures["gt_luminance"] += psnr_gt_luminance(result, target).tolist()
    means = {name: sum(values) / len(values) for name, values in figures.items()}
    assert len(figures["psnr"]) == 15
    assert means["psnr"] == pytest.approx(18.80, abs=0.01)
    assert means["shaved"] == pytest.approx(18.84, abs=0.01)
    assert means["ssim"] == pytest.approx(0.8296, abs=0.001)
    assert means["gt_mean"] == pytest.approx(22.34, abs=0.02)
    assert means["gt_luminance"] == pytest.approx(22.33, abs=0.02)
