import numpy as np
import pytest
import torch
from torch import Tensor

from drbn_lightning.bands import Bands, decompose
from drbn_lightning.inference.panels import HEADING, panels, strip

NAMES = ["input", "base", "middle", "detail", "enhanced", "target"]


def sample(height: int = 12, width: int = 18) -> tuple[Tensor, Bands, Tensor]:
    generator = torch.Generator().manual_seed(0)
    low, normal = torch.rand(2, 3, height, width, generator=generator)
    sizes = [(-(-height // f), -(-width // f)) for f in (1, 2, 4)]
    return low, Bands(*(torch.rand(1, 3, *size, generator=generator) for size in sizes)), normal


@pytest.mark.parametrize("size", [(12, 18), (13, 7)])
def test_panels_show_every_band_at_full_size(size: tuple[int, int]) -> None:
    low, bands, normal = sample(*size)
    shown = panels(low, bands, normal)
    assert list(shown) == NAMES
    assert {tuple(picture.shape) for picture in shown.values()} == {(3, *size)}
    residuals = decompose(bands)
    assert torch.equal(shown["input"], low)
    assert torch.equal(shown["target"], normal)
    assert torch.equal(shown["enhanced"], bands.full[0])
    assert torch.equal(shown["base"], residuals.base[0].clamp(0, 1))
    assert torch.equal(shown["middle"], (0.5 + 2 * residuals.middle[0]).clamp(0, 1))
    assert torch.equal(shown["detail"], (0.5 + 2 * residuals.detail[0]).clamp(0, 1))


def test_panels_are_pictures_whatever_the_network_gives() -> None:
    low, bands, normal = sample()
    wild = Bands(*((10 * band - 5).bfloat16().requires_grad_() for band in bands))
    for picture in panels(low, wild, normal).values():
        assert picture.dtype is torch.float32
        assert not picture.requires_grad
        assert picture.min() >= 0
        assert picture.max() <= 1


def test_equal_bands_have_gray_differences() -> None:
    flat = torch.full((1, 3, 12, 18), 0.7)
    shown = panels(flat[0], Bands(flat, flat[..., ::2, ::2], flat[..., ::4, ::4]), flat[0])
    for name in ("middle", "detail"):
        assert torch.allclose(shown[name], torch.tensor(0.5), atol=1e-6)


def test_a_strip_puts_them_side_by_side_under_their_names() -> None:
    shown = panels(*sample(40, 60))
    picture = strip(shown)
    assert picture.shape == (40 + HEADING, 60 * len(NAMES), 3)
    assert picture.dtype == np.uint8
    for column, name in enumerate(NAMES):
        part = picture[:, 60 * column : 60 * (column + 1)]
        assert np.array_equal(part[HEADING:], (shown[name] * 255).round().byte().permute(1, 2, 0).numpy())
        assert part[:HEADING].max() > 150  # letters are smoothed
        assert (part[:HEADING] == 0).any()
    heads = [picture[:HEADING, 60 * column : 60 * (column + 1)].tobytes() for column in range(len(NAMES))]
    assert len(set(heads)) == len(NAMES)


def test_a_strip_of_one_picture() -> None:
    assert strip({"a": torch.ones(3, 5, 7)}).shape == (5 + HEADING, 7, 3)
