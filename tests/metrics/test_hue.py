import pytest
import torch
from torch import Tensor

from drbn_lightning.metrics.hue import HUE_SHIFT, hue_shift


def plain(*colour: float) -> Tensor:
    return torch.tensor(colour).view(1, 3, 1, 1).expand(1, 3, 4, 6)


@pytest.mark.parametrize(
    ("first", "second", "degrees"),
    [
        ((0.8, 0.2, 0.2), (0.4, 0.2, 0.2), 0),  # less of the same hue
        ((0.8, 0.2, 0.2), (0.8, 0.8, 0.2), 60),  # red, yellow
        ((0.8, 0.2, 0.2), (0.2, 0.2, 0.8), 120),  # the shorter way round
        ((0.8, 0.2, 0.2), (0.2, 0.8, 0.8), 180),
    ],
)
def test_angles_between_plain_colours(first: tuple[float, ...], second: tuple[float, ...], degrees: float) -> None:
    for result, target in ((first, second), (second, first)):
        assert hue_shift(plain(*result), plain(*target)).item() == pytest.approx(degrees, abs=1e-3)


def test_brightness_contrast_and_saturation_turn_no_hue() -> None:
    target = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 0.4 + 0.3
    gray = target.mean(dim=1, keepdim=True)
    for result in (target + 0.1, 0.5 * target, gray + 1.3 * (target - gray)):
        assert hue_shift(result, target).max() < 2  # what 8 bits round


def test_gray_pixels_do_not_count_and_gray_images_have_no_figure() -> None:
    target = plain(0.8, 0.2, 0.2).clone()
    target[..., 3:] = 0.5
    result = target.clone()
    result[..., 3:] = plain(0.2, 0.9, 0.2)[..., 3:]
    assert hue_shift(result, target).item() == 0
    assert hue_shift(plain(0.5, 0.5, 0.5), target).isnan().item()


def test_images_are_measured_one_by_one() -> None:
    target = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    result = torch.stack([target[0], target[1].flip(0), target[2]])
    values = hue_shift(result, target)
    assert values.shape == (3,)
    assert values[1] > 20 > max(values[0], values[2])
    assert "hue shift deg: " in HUE_SHIFT.define()
