import pytest
import torch
from torch.nn import functional

from drbn_lightning.bands import Bands, targets
from drbn_lightning.losses.band import BandLoss, ssim
from tests import golden


def golden_bands() -> tuple[Bands, torch.Tensor]:
    image = golden.image(5)
    half, quarter = (functional.interpolate(image, scale_factor=s, mode="bilinear") for s in (0.5, 0.25))
    return Bands(0.9 * image, half, quarter), image


def test_ssim_gives_the_released_codes_figure() -> None:
    value = ssim(golden.image(3, 40, 56), golden.image(4, 40, 56))
    assert value.item() == pytest.approx(golden.SSIM_ZERO_PADDED, rel=1e-4)


@pytest.mark.parametrize(("weight", "expected"), [(1.0, golden.BAND_LOSS_RELEASED_CODE), (0.1, golden.BAND_LOSS_PAPER)])
def test_loss_gives_the_released_codes_figures(weight: float, expected: float) -> None:
    loss = BandLoss(weight, weight, "stride")(*golden_bands())["loss"]
    assert loss.item() == pytest.approx(expected, rel=1e-4)


def test_terms_make_up_the_loss() -> None:
    terms = BandLoss(0.3, 0.7, "area", l1_weight=2.0)(*golden_bands())
    ssims = terms["ssim_full"] + 0.3 * terms["ssim_half"] + 0.7 * terms["ssim_quarter"]
    torch.testing.assert_close(terms["loss"], -ssims + 2.0 * terms["l1"])


def test_a_perfect_result_costs_least() -> None:
    image = torch.rand(1, 3, 16, 16)
    terms = BandLoss(l1_weight=1.0)(targets(image), image)
    assert terms["loss"].item() == pytest.approx(-1.2, abs=1e-4)


def test_ssim_is_computed_in_float32_under_autocast() -> None:
    x, y = golden.image(3, 40, 56), golden.image(4, 40, 56)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = ssim(x, y)
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(golden.SSIM_ZERO_PADDED, rel=1e-4)


def test_gradient_points_uphill_in_ssim() -> None:
    target = golden.image(5)
    result = (target * 0.8).requires_grad_()
    (gradient,) = torch.autograd.grad(ssim(result, target), result)
    assert ssim(result.detach() + 1e3 * gradient, target) > ssim(result.detach(), target)


def test_refuses_an_unknown_downsampling() -> None:
    with pytest.raises(ValueError, match=r"stage.loss.downsampling.*'cubic'"):
        BandLoss(downsampling="cubic")  # type: ignore[arg-type]


def test_the_colour_term_sees_brightness_and_cast_alone() -> None:
    normal = torch.rand(2, 3, 16, 16)
    shuffled = normal.flatten(2)[..., torch.randperm(256)].reshape(2, 3, 16, 16)
    loss = BandLoss(ssim_weight=0.0, colour_weight=2.0)
    assert loss(targets(shuffled), normal)["loss"].item() == pytest.approx(0, abs=1e-6)
    terms = loss(targets(shuffled + torch.tensor([0.3, 0.0, 0.0])[:, None, None]), normal)
    assert terms["colour"].item() == pytest.approx(0.1, abs=1e-6)
    assert terms["loss"].item() == pytest.approx(0.2, abs=1e-6)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_ssim_and_its_gradients_are_those_of_the_formula(memory_format: torch.memory_format) -> None:
    x, y = golden.image(3, 20, 28, 2), golden.image(4, 20, 28, 2)

    def formula(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        kernel = torch.exp(-((torch.arange(11.0) - 5) ** 2) / (2 * 1.5**2))
        window = torch.outer(kernel, kernel)[None, None] / kernel.sum() ** 2
        mean = [functional.conv2d(z.flatten(0, 1)[:, None], window, padding=5) for z in (x, y, x * x, y * y, x * y)]
        covariance, both = mean[4] - mean[0] * mean[1], mean[2] - mean[0] ** 2 + mean[3] - mean[1] ** 2
        above = (2 * mean[0] * mean[1] + 1e-4) * (2 * covariance + 9e-4)
        return (above / ((mean[0] ** 2 + mean[1] ** 2 + 1e-4) * (both + 9e-4))).mean()

    x, y = (z.contiguous(memory_format=memory_format).requires_grad_() for z in (x, y))
    torch.testing.assert_close(ssim(x, y), formula(x, y))
    ours, theirs = torch.autograd.grad(ssim(x, y), (x, y)), torch.autograd.grad(formula(x, y), (x, y))
    for found, expected in zip(ours, theirs, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-6)
