import pytest
import torch

from drbn_lightning.bands import Bands, ResidualBands, decompose, recompose, targets, upsample


def bands(height: int, width: int) -> Bands:
    generator = torch.Generator().manual_seed(height * 1000 + width)
    sizes = [(-(-height // factor), -(-width // factor)) for factor in (1, 2, 4)]
    return Bands(*(torch.rand(2, 3, *size, generator=generator) for size in sizes))


@pytest.mark.parametrize("chained", [False, True])
@pytest.mark.parametrize(("height", "width"), [(16, 24), (37, 41), (1, 1), (5, 2), (3, 8)])
def test_residual_bands_add_up_to_the_full_band(height: int, width: int, chained: bool) -> None:
    whole = bands(height, width)
    residuals = decompose(whole, chained=chained)
    assert all(band.shape == whole.full.shape for band in residuals)
    torch.testing.assert_close(recompose(residuals), whole.full, atol=1e-6, rtol=0)


def test_one_step_of_four_differs_from_two_steps_of_two() -> None:
    whole = bands(16, 16)
    assert not torch.allclose(decompose(whole).base, decompose(whole, chained=True).base)
    torch.testing.assert_close(decompose(whole).base, upsample(whole.quarter, 4))
    torch.testing.assert_close(decompose(whole, chained=True).base, upsample(upsample(whole.quarter, 2), 2))


def test_upsampling_uses_half_pixel_centres() -> None:
    row = torch.tensor([[[[0.0, 1.0]]]])
    torch.testing.assert_close(upsample(row, 2)[0, 0, 0], torch.tensor([0.0, 0.25, 0.75, 1.0]))


def test_recomposition_weights_scale_each_band() -> None:
    residuals = ResidualBands(*(torch.full((1, 3, 2, 2), value) for value in (1.0, 10.0, 100.0)))
    weights = ResidualBands(*(torch.full((1, 1, 1, 1), value) for value in (0.5, 2.0, 3.0)))
    torch.testing.assert_close(recompose(residuals, weights), torch.full((1, 3, 2, 2), 320.5))


def test_targets_by_area_average_and_by_stride_pick() -> None:
    image = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert targets(image).half.flatten().tolist() == [2.5, 4.5, 10.5, 12.5]
    assert targets(image).quarter.item() == 7.5
    assert targets(image, "stride").half.flatten().tolist() == [0, 2, 8, 10]
    assert targets(image, "stride").quarter.item() == 0
    assert targets(image, "stride").full is image


@pytest.mark.parametrize("downsampling", ["area", "stride"])
def test_targets_have_the_sizes_of_the_bands(downsampling: str) -> None:
    bands = targets(torch.rand(1, 3, 37, 41), downsampling)  # type: ignore[arg-type]
    assert [band.shape[-2:] for band in bands] == [(37, 41), (19, 21), (10, 11)]


def test_targets_refuse_an_unknown_way() -> None:
    with pytest.raises(ValueError, match=r"'nearest'.*'area' or 'stride'"):
        targets(torch.rand(1, 3, 4, 4), "nearest")  # type: ignore[arg-type]
