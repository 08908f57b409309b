"""The official weights give the figures that were measured elsewhere with the released code."""

import csv
from pathlib import Path
from typing import NamedTuple

import pytest

from drbn_lightning.evaluation.scoring import mean
from drbn_lightning.tasks.evaluate import evaluate
from tests.running import composed


class Expected(NamedTuple):
    """Means over the images: PSNR, PSNR without a border of 10 pixels, SSIM, PSNR after GT-mean scaling."""

    psnr: float
    shaved: float
    ssim: float
    gt_mean: float


STAGE_1 = ("official_stage1.pt", "official_stage1.pt")
STAGE_2 = ("official_stage2_recompose.pt", "official_stage1.pt")


@pytest.mark.slow(seconds=300)
@pytest.mark.timeout(3600)
@pytest.mark.reference
@pytest.mark.parametrize(
    ("data", "files", "count", "input_psnr", "expected"),
    [
        ("lol_v1", STAGE_1, 15, 7.77, {"band": Expected(18.80, 18.84, 0.8296, 22.34)}),
        (
            "v2_real_89",
            STAGE_2,
            89,
            9.76,
            {"band": Expected(20.11, 20.20, 0.8523, 23.53), "recompose": Expected(18.67, 18.70, 0.778, 21.01)},
        ),
    ],
)
def test_released_weights_score_what_they_should(
    reference: Path,
    tmp_path: Path,
    data: str,
    files: tuple[str, str],
    count: int,
    input_psnr: float,
    expected: dict[str, Expected],
) -> None:
    checkpoint, band = (reference / "reference" / name for name in files)
    words = [f"data={data}", f"data.root={reference / 'data' / 'lol-v1'}", "baselines=[input]", "images=0"]
    words += ["shave=10", "metrics=[psnr,ssim,gt_mean]", "report_images=0", "data.num_workers=0"]
    evaluate(composed(tmp_path, f"checkpoint={checkpoint}", f"band={band}", *words, name="evaluate"))
    rows = list(csv.DictReader((tmp_path / "scores.csv").open()))

    def found(method: str, key: str) -> float:
        own = [float(row[key]) for row in rows if row["method"] == method]
        assert len(own) == count
        return mean(own)

    assert found("input", "psnr") == pytest.approx(input_psnr, abs=0.01)
    for method, figures in expected.items():
        assert found(method, "psnr") == pytest.approx(figures.psnr, abs=0.01)
        assert found(method, "psnr_shaved") == pytest.approx(figures.shaved, abs=0.01)
        assert found(method, "psnr_gt_mean") == pytest.approx(figures.gt_mean, abs=0.02)
        assert found(method, "ssim") == pytest.approx(figures.ssim, abs=0.001)
