from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from drbn_lightning.bands import Bands, ResidualBands, decompose, recompose
from drbn_lightning.visualization.panels import (
    HEADING,
    LETTERS,
    SMALLEST_RANGE,
    figure_5,
    figure_6,
    figure_7,
    heading,
    panels,
    rows,
    sheet,
    stage2_panels,
    strip,
    weight_range,
)

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
    assert {tuple(image.shape) for image in shown.values()} == {(3, *size)}
    residuals = decompose(bands)
    assert torch.equal(shown["input"], low)
    assert torch.equal(shown["target"], normal)
    assert torch.equal(shown["enhanced"], bands.full[0])
    assert torch.equal(shown["base"], residuals.base[0].clamp(0, 1))
    assert torch.equal(shown["middle"], (0.5 + 2 * residuals.middle[0]).clamp(0, 1))
    assert torch.equal(shown["detail"], (0.5 + 2 * residuals.detail[0]).clamp(0, 1))


def test_panels_are_images_whatever_the_network_gives() -> None:
    low, bands, normal = sample()
    wild = Bands(*((10 * band - 5).bfloat16().requires_grad_() for band in bands))
    for image in panels(low, wild, normal).values():
        assert image.dtype is torch.float32
        assert not image.requires_grad
        assert image.min() >= 0
        assert image.max() <= 1


def test_equal_bands_have_gray_differences() -> None:
    flat = torch.full((1, 3, 12, 18), 0.7)
    shown = panels(flat[0], Bands(flat, flat[..., ::2, ::2], flat[..., ::4, ::4]), flat[0])
    for name in ("middle", "detail"):
        assert torch.allclose(shown[name], torch.tensor(0.5), atol=1e-6)


def test_a_strip_puts_them_side_by_side_under_their_names() -> None:
    shown = panels(*sample(40, 60))
    image = strip(shown)
    assert image.shape == (40 + HEADING, 60 * len(NAMES), 3)
    assert image.dtype == np.uint8
    for column, name in enumerate(NAMES):
        part = image[:, 60 * column : 60 * (column + 1)]
        assert np.array_equal(part[HEADING:], (shown[name] * 255).round().byte().permute(1, 2, 0).numpy())
        assert part[:HEADING].max() > 150  # letters are smoothed
        assert (part[:HEADING] == 0).any()
    heads = [image[:HEADING, 60 * column : 60 * (column + 1)].tobytes() for column in range(len(NAMES))]
    assert len(set(heads)) == len(NAMES)


def test_a_strip_of_one_image() -> None:
    assert strip({"a": torch.ones(3, 5, 7)}).shape == (5 + HEADING, 7, 3)


def sample2(height: int = 12, width: int = 18, *, target: bool = True) -> dict[str, Tensor]:
    low, bands, normal = sample(height, width)
    maps = weights(height, width)
    result = recompose(decompose(bands), maps)[0]
    return stage2_panels(low, bands, maps, result, normal if target else None)


def weights(height: int, width: int) -> ResidualBands:
    """Maps with a spread of 0.05, 0.25 and 1 around 1, and a tenth of that more."""
    noise = torch.rand(3, 1, 3, height, width, generator=torch.Generator().manual_seed(1)) * 2 - 1
    return ResidualBands(*(1 + scale * (part + 0.1) for scale, part in zip((0.05, 0.25, 1.0), noise, strict=True)))


def body(image: Tensor) -> np.ndarray:
    return (image * 255).round().byte().permute(1, 2, 0).numpy()


def test_panels_without_a_target_and_of_chained_bands() -> None:
    low, bands, normal = sample(13, 7)
    assert list(panels(low, bands)) == NAMES[:-1]
    plain, chained = panels(low, bands, normal), panels(low, bands, normal, chained=True)
    assert torch.equal(chained["base"], decompose(bands, chained=True).base[0].clamp(0, 1))
    assert not torch.equal(plain["base"], chained["base"])


@pytest.mark.parametrize("size", [(12, 18), (13, 7)])
def test_panels_of_stage_2_add_weight_maps_and_result(size: tuple[int, int]) -> None:
    low, bands, normal = sample(*size)
    maps = weights(*size)
    result = recompose(decompose(bands), maps)[0]
    shown = stage2_panels(low, bands, maps, result, normal)
    first = panels(low, bands, normal)
    names = [name.partition(" (")[0] for name in shown]
    assert names == [*NAMES[:4], "weight 1", "weight 2", "weight 3", "stage 1", "stage 2", "target"]
    for name in (*NAMES[:4], "target"):
        assert torch.equal(shown[name], first[name])
    assert torch.equal(shown["stage 1"], bands.full[0])
    assert torch.equal(shown["stage 2"], result.clamp(0, 1))
    assert {tuple(image.shape) for image in shown.values()} == {(3, *size)}


def test_a_weight_map_can_be_read_back_from_its_image_and_heading() -> None:
    maps = weights(40, 60)
    shown = {name: image for name, image in sample2(40, 60).items() if name.startswith("weight")}
    for (name, image), weight in zip(shown.items(), maps, strict=True):
        reach = float(name.partition("±")[2].rstrip(")"))
        inside = (weight[0] - 1).abs() < reach
        assert inside.float().mean() > 0.97
        assert torch.allclose((1 + reach * (2 * image - 1))[inside], weight[0][inside], atol=1e-5)
    assert list(shown) == ["weight 1 (1±0.054)", "weight 2 (1±0.27)", "weight 3 (1±1.1)"]


def test_a_weight_of_one_is_gray() -> None:
    low, bands, _ = sample()
    ones = ResidualBands(*[torch.ones(1, 1, 1, 1)] * 3)
    shown = stage2_panels(low, bands, ones, bands.full[0])
    for number in (1, 2, 3):
        assert torch.equal(shown[f"weight {number} (1±0.01)"], torch.full((3, 12, 18), 0.5))


def test_the_range_of_a_weight_map_leaves_out_one_percent() -> None:
    values = torch.ones(10_000)
    values[:50] = 40.0
    assert weight_range(values) == SMALLEST_RANGE
    values[:5000] = 0.5
    assert weight_range(values) == 0.5
    assert weight_range(torch.full((3,), torch.nan)) == SMALLEST_RANGE
    assert weight_range(torch.tensor([1.3, torch.nan, torch.inf]).bfloat16()) == 0.3


def test_panels_of_stage_2_are_images_whatever_the_network_gives() -> None:
    low, bands, _ = sample()
    wild = Bands(*((10 * band - 5).requires_grad_() for band in bands))
    maps = ResidualBands(*(9 * weight.bfloat16() for weight in weights(12, 18)))
    for image in stage2_panels(low, wild, maps, torch.full((3, 12, 18), torch.nan)).values():
        assert image.dtype is torch.float32
        assert not image.requires_grad
        assert image.min() >= 0
        assert image.max() <= 1


def test_a_sheet_has_each_band_over_its_weight_and_input_over_target() -> None:
    shown = sample2(40, 64)
    image = sheet(shown)
    assert image.shape == (2 * (40 + HEADING), 5 * 64, 3)
    keys = {name.partition(" (")[0]: name for name in shown}
    for line, names in enumerate(
        [["input", "base", "middle", "detail", "stage 1"], ["target", "weight 1", "weight 2", "weight 3", "stage 2"]]
    ):
        for column, name in enumerate(names):
            part = image[line * (40 + HEADING) :, 64 * column : 64 * (column + 1)]
            assert np.array_equal(part[:HEADING], heading(keys[name], 64))
            assert np.array_equal(part[HEADING:][:40], body(shown[keys[name]]))


def test_a_sheet_without_a_target_leaves_its_place_black() -> None:
    whole, without = sheet(sample2(40, 64)), sheet(sample2(40, 64, target=False))
    assert np.array_equal(without[:, 64:], whole[:, 64:])
    assert np.array_equal(without[: 40 + HEADING], whole[: 40 + HEADING])
    assert without[40 + 2 * HEADING :, :64].max() == 0


@pytest.mark.parametrize(
    ("figure", "names"),
    [
        (figure_5, ["input", "stage 1", "stage 2", "target"]),
        (figure_6, ["input", "stage 1", "base", "middle", "detail"]),
        (figure_7, ["stage 1", "stage 2", "weight 1 (1±0.054)", "weight 2 (1±0.28)", "weight 3 (1±1.1)"]),
    ],
)
def test_the_figures_of_the_paper_have_a_row_for_each_sample(
    figure: Callable[[list[dict[str, Tensor]]], np.ndarray], names: list[str]
) -> None:
    landscape, portrait = sample2(30, 64), sample2(64, 30)
    image = figure([landscape, portrait])
    assert image.shape == (30 + 64 + 2 * HEADING, 64 * len(names), 3)
    top, bottom = image[: 30 + HEADING], image[30 + HEADING :]
    keys = {name.partition(" (")[0]: name for name in portrait}
    for column, name in enumerate(names):
        short = name.partition(" (")[0]
        at = 64 * column
        (wide,) = (shown for key, shown in landscape.items() if key.partition(" (")[0] == short)
        assert np.array_equal(top[HEADING:, at : at + 64], body(wide))
        assert np.array_equal(bottom[HEADING:, at : at + 30], body(portrait[keys[short]]))
        assert bottom[HEADING:, at + 30 : at + 64].max() == 0
        assert np.array_equal(bottom[:HEADING, at : at + 64], heading(keys[short], 64))


def test_a_figure_of_stage_2_needs_its_images() -> None:
    with pytest.raises(KeyError, match="stage 1"):
        figure_6([panels(*sample())])


def test_rows_fill_narrow_strips_up() -> None:
    stack = rows([np.full((2, 5, 3), 9, np.uint8), np.full((3, 7, 3), 8, np.uint8)])
    assert stack.shape == (5, 7, 3)
    assert (stack[:2, :5] == 9).all()
    assert (stack[:2, 5:] == 0).all()
    assert (stack[2:] == 8).all()


def test_headings_never_reach_the_next_panel() -> None:
    long = "weight 1 (1±0.054)"
    for width in (8, 32, 64, 200):
        assert heading(long, width).shape == (HEADING, width, 3)
        both = strip({long: torch.zeros(3, 4, width), "b": torch.zeros(3, 4, width)})
        assert np.array_equal(both[:, width:], strip({"b": torch.zeros(3, 4, width)}))


def test_headings_shrink_before_they_are_cut() -> None:
    long = "weight 1 (1±0.054)"
    full = heading(long, 200)
    ink = [int(np.flatnonzero(heading(long, width).max(axis=(0, 2)))[-1]) for width in (200, 90, 80, 70)]
    assert ink == sorted(ink, reverse=True)
    assert ink[0] > ink[-1]
    assert all(last < width - 3 for last, width in zip(ink, (200, 90, 80, 70), strict=True))
    assert np.array_equal(full[:, :100], heading(long, 100))
    assert min(LETTERS) >= 7  # what people can read
    assert heading(long, 20).max() > 150
