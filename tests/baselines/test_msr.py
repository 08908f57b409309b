import torch

from drbn_lightning.baselines.msr import multi_scale_retinex
from tests.baselines.given import images, scene


def test_multi_scale_retinex_takes_an_illumination_away() -> None:
    reflectance, _ = scene(40, 400)
    low = torch.linspace(0.05, 0.5, 400) * reflectance
    before, after = (one[..., -100:].mean() / one[..., :100].mean() for one in (low, multi_scale_retinex(low)))
    assert before > 4
    assert after < 0.65 * before  # the logarithm and the stretch alone: 0.79


def test_multi_scale_retinex_stretches_each_colour_between_percentiles() -> None:
    result = multi_scale_retinex(0.1 * images())
    for colour in result.flatten(0, 1):
        assert 0.005 < (colour == 0).float().mean() < 0.02
        assert 0.005 < (colour == 1).float().mean() < 0.02
