import csv
import io
import math

import pytest
import torch
from torch import Tensor, nn

from drbn_lightning.bands import Bands
from drbn_lightning.baselines.catalog import input_method
from drbn_lightning.baselines.gamma import gamma_method
from drbn_lightning.batches import PairBatch
from drbn_lightning.errors import DRBNError
from drbn_lightning.evaluation.scoring import (
    EvaluationImage,
    Score,
    as_csv,
    image_method,
    mean,
    network_method,
    score_images,
)
from drbn_lightning.metrics.catalog import choose_metrics
from drbn_lightning.metrics.pixels import to_8_bit
from drbn_lightning.metrics.psnr import psnr
from drbn_lightning.metrics.ssim import ssim

METRICS = choose_metrics(["psnr", "ssim"])


class Brighter(nn.Module):
    """A band network that adds the mean it is told, and a random number in training mode."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(()))

    def forward(self, low: Tensor, thumbnail: Tensor) -> Bands:
        full = self.gain * low + thumbnail[:, None, None, None] + (torch.rand(()) if self.training else 0)
        return Bands(full, full[..., ::2, ::2], full[..., ::4, ::4])


def image(seed: int, height: int = 16, width: int = 20) -> EvaluationImage:
    low, normal = torch.rand(2, 1, 3, height, width, generator=torch.Generator().manual_seed(seed))
    return EvaluationImage.of_pair(PairBatch(low * 0.2, normal, torch.tensor([0.25]), [f"Image_{seed}"]))


def test_every_method_scores_every_image_of_any_size() -> None:
    images = [image(0), image(1, 17, 9)]
    methods = {
        "input": image_method(input_method),
        "half": image_method(gamma_method(0.5)),
        "band": image_method(network_method(Brighter(), torch.device("cpu"))),
    }
    scored = list(score_images(methods, images, METRICS))
    assert [(one.image.name, one.image.key) for one in scored] == [(f"Image_{n}", f"image_{n}") for n in (0, 1)]
    for one, pair in zip(scored, images, strict=True):
        assert pair.normal is not None
        assert [score.method for score in one.scores] == list(one.results) == list(methods)
        expected = {"input": pair.low, "half": pair.low**0.5, "band": pair.low + 0.25}
        for score in one.scores:
            result = expected[score.method]
            assert score.image == pair.name
            assert score.figures["psnr"] == pytest.approx(psnr(result, pair.normal).item(), abs=1e-4)
            assert score.figures["ssim"] == pytest.approx(ssim(result, pair.normal).item(), abs=1e-5)
            assert score.milliseconds > 0
            assert torch.equal(one.results[score.method], to_8_bit(result[0]))


def test_images_are_scored_as_they_are_asked_for() -> None:
    images = iter([image(0), image(1)])
    scored = score_images({"input": image_method(input_method)}, images, METRICS)
    next(scored)
    assert next(images).name == "Image_1"


def test_without_a_target_nothing_is_said_that_needs_one() -> None:
    bare = METRICS[0]._replace(key="bright", function=lambda result: result.mean(dim=(1, 2, 3)), needs_target=False)
    without = image(0)._replace(normal=None)
    (scored,) = score_images({"input": image_method(input_method)}, [without], [*METRICS, bare])
    assert scored.scores[0].figures == {"bright": pytest.approx(to_8_bit(without.low).mean().item())}


def test_a_result_that_is_not_finite_is_no_result() -> None:
    with pytest.raises(DRBNError, match=r"broken .*Image_0"):
        list(score_images({"broken": lambda given: given.low / 0}, [image(0)], METRICS))


def test_a_network_works_in_evaluation_mode_and_without_gradients() -> None:
    network = Brighter().train()
    run = image_method(network_method(network, torch.device("cpu")))
    (scored,) = score_images({"band": run}, [image(0)], METRICS)
    assert not network.training
    assert not scored.results["band"].requires_grad


@pytest.mark.parametrize(
    ("values", "expected"), [([], math.nan), ([math.nan], math.nan), ([2.0], 2.0), ([1.0, math.nan, 4.0], 2.5)]
)
def test_mean_leaves_out_what_is_no_number(values: list[float], expected: float) -> None:
    assert mean(iter(values)) == pytest.approx(expected, nan_ok=True)


def test_csv_has_a_row_for_each_data_set_image_and_method() -> None:
    scores = {
        "one": [Score('with, "quotes"', "band", {"psnr": math.inf, "ssim": math.nan}, 12.34)],
        "photos": [Score("a", "input", {}, 1.0), Score("a", "band", {}, 2.0)],
    }
    rows = list(csv.DictReader(io.StringIO(as_csv(scores, METRICS))))
    first = {"data": "one", "image": 'with, "quotes"', "method": "band", "psnr": "inf", "ssim": "nan"}
    assert rows[0] == first | {"milliseconds": "12.3"}
    assert [(row["data"], row["method"], row["psnr"]) for row in rows[1:]] == [
        ("photos", "input", ""),
        ("photos", "band", ""),
    ]
