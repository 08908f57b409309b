import csv
import io
import math

import pytest
import torch
from torch import Tensor, nn

from drbn_lightning.bands import Bands
from drbn_lightning.batches import PairBatch
from drbn_lightning.inference.evaluation import (
    Score,
    as_csv,
    gamma_method,
    input_method,
    judge,
    mean,
    network_method,
    table,
)
from drbn_lightning.metrics.fidelity import psnr, ssim, to_8_bit


class Brighter(nn.Module):
    """A band network that adds the mean it is told, and a random number in training mode."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(()))

    def forward(self, low: Tensor, low_mean: Tensor) -> Bands:
        full = self.gain * low + low_mean[:, None, None, None] + (torch.rand(()) if self.training else 0)
        return Bands(full, full[..., ::2, ::2], full[..., ::4, ::4])


def batch(seed: int, height: int = 16, width: int = 20) -> PairBatch:
    low, normal = torch.rand(2, 1, 3, height, width, generator=torch.Generator().manual_seed(seed))
    return PairBatch(low * 0.2, normal, torch.tensor([0.25]), [f"picture_{seed}"])


SCORES = [
    Score("a", "input", 7.0, 0.25),
    Score("a", "band", 20.5, 0.75),
    Score("longer name", "input", 9.0, math.nan),
    Score("longer name", "band", 21.5, 0.85),
]


def test_every_method_judges_every_picture_of_any_size() -> None:
    batches = [batch(0), batch(1, 17, 9)]
    methods = {
        "input": input_method,
        "half": gamma_method(0.5),
        "band": network_method(Brighter(), torch.device("cpu")),
    }
    judged = list(judge(methods, batches))
    assert [one.batch.name for one in judged] == [["picture_0"], ["picture_1"]]
    for one, given in zip(judged, batches, strict=True):
        assert [score.method for score in one.scores] == list(one.results) == list(methods)
        expected = {"input": given.low, "half": given.low**0.5, "band": given.low + 0.25}
        for score in one.scores:
            result = expected[score.method]
            assert score.picture == given.name[0]
            assert score.psnr == pytest.approx(psnr(result, given.normal).item(), abs=1e-4)
            assert score.ssim == pytest.approx(ssim(result, given.normal).item(), abs=1e-5)
            assert torch.equal(one.results[score.method], to_8_bit(result[0]))


def test_pictures_are_judged_as_they_are_asked_for() -> None:
    given = iter([batch(0), batch(1)])
    judged = judge({"input": input_method}, given)
    next(judged)
    assert next(given).name == ["picture_1"]


def test_a_network_works_in_evaluation_mode_and_without_gradients() -> None:
    network = Brighter().train()
    method = network_method(network, torch.device("cpu"))
    (judged,) = judge({"band": method}, [batch(0)])
    assert not network.training
    assert not judged.results["band"].requires_grad


@pytest.mark.parametrize(
    ("values", "expected"), [([], math.nan), ([math.nan], math.nan), ([2.0], 2.0), ([1.0, math.nan, 4.0], 2.5)]
)
def test_mean_leaves_out_what_is_no_number(values: list[float], expected: float) -> None:
    assert mean(iter(values)) == pytest.approx(expected, nan_ok=True)


def test_the_table_has_a_row_for_each_picture_and_the_means() -> None:
    lines = table(SCORES).splitlines()
    assert [line.split() for line in lines] == [
        ["picture", "input", "band"],
        ["PSNR", "dB", "SSIM", "PSNR", "dB", "SSIM"],
        ["a", "7.00", "0.2500", "20.50", "0.7500"],
        ["longer", "name", "9.00", "nan", "21.50", "0.8500"],
        ["mean", "8.00", "0.2500", "21.00", "0.8000"],
    ]
    assert len({len(line) for line in lines}) == 1


def test_csv_has_a_row_for_each_picture_and_method() -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv([*SCORES, Score('with, "quotes"', "band", math.inf, 1.0)]))))
    assert rows[1] == {"picture": "a", "method": "band", "psnr": "20.5000", "ssim": "0.75000"}
    assert rows[-1] == {"picture": 'with, "quotes"', "method": "band", "psnr": "inf", "ssim": "1.00000"}
    assert [row["ssim"] for row in rows].count("nan") == 1
    assert len(rows) == 5
