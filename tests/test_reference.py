"""The released weights give the figures that were measured elsewhere with the released code."""

import csv
from pathlib import Path

import pytest

from drbn_lightning.evaluate import evaluate
from drbn_lightning.inference.evaluation import mean
from tests.running import composed


@pytest.mark.slow
@pytest.mark.reference
@pytest.mark.parametrize(
    ("data", "count", "psnr", "ssim", "input_psnr"),
    [("lol_v1", 15, 18.80, 0.8296, 7.77), ("v2_real_89", 89, 20.11, 0.8523, 9.76)],
)
def test_released_weights_score_what_they_should(
    reference: Path, tmp_path: Path, data: str, count: int, psnr: float, ssim: float, input_psnr: float
) -> None:
    words = (f"data={data}", f"data.root={reference / 'data' / 'lol-v1'}", "baselines=[input]", "pictures=0")
    checkpoint = reference / "reference" / "official_stage1.pt"
    evaluate(composed(tmp_path, f"checkpoint={checkpoint}", *words, "data.num_workers=0", name="evaluate"))
    rows = list(csv.DictReader((tmp_path / "scores.csv").open()))
    band = [row for row in rows if row["method"] == "band"]
    assert len(band) == count
    assert mean(float(row["psnr"]) for row in band) == pytest.approx(psnr, abs=0.01)
    assert mean(float(row["ssim"]) for row in band) == pytest.approx(ssim, abs=0.0005)
    assert mean(float(row["psnr"]) for row in rows if row["method"] == "input") == pytest.approx(input_psnr, abs=0.01)
