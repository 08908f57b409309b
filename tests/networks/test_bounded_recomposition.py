import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from drbn_lightning.bands import Bands, ResidualBands, decompose, recompose
from drbn_lightning.inference.runtimes.torch import in_precision
from drbn_lightning.metrics.hue import hue_shift
from drbn_lightning.metrics.no_reference import clipped
from drbn_lightning.networks.bounded_recomposition import CURVE, REACH, SLOPES, BoundedRecomposer
from drbn_lightning.networks.drbn import DRBN
from drbn_lightning.networks.recomposition import BandRecomposition, Recomposed, preview_of, recompose_bands

SIZES = [(1, 1), (3, 90), (37, 41)]


def moved(seed: int = 0, by: float = 3.0, **options: float | None) -> BoundedRecomposer:
    """A recomposer far from the identity."""
    torch.manual_seed(seed)
    network = BoundedRecomposer(**options).eval()  # type: ignore[arg-type]  # of several types
    for parameter in network.head[-1].parameters():
        nn.init.normal_(parameter, std=by)
    return network


def some_bands(height: int, width: int, count: int = 2) -> tuple[Bands, Tensor]:
    sizes = [(-(-height // f), -(-width // f)) for f in (1, 2, 4)]
    return Bands(*(torch.rand(count, 3, *size) for size in sizes)), torch.rand(count, 3, height, width)


def recomposed(network: BoundedRecomposer, bands: Bands, low: Tensor) -> Recomposed:
    return recompose_bands(network, bands, low, torch.rand(len(low), 3, 48, 48))


@pytest.mark.parametrize("size", SIZES)
@torch.no_grad()
def test_it_starts_where_stage_1_ended(size: tuple[int, int]) -> None:
    bands, low = some_bands(*size)
    for chained in (False, True):
        result = recomposed(BoundedRecomposer(chained=chained), bands, low)
        assert all(torch.equal(weight, torch.ones_like(low)) for weight in result.recomposition_weights)
        assert torch.equal(result.image, recompose(decompose(bands, chained=chained)))


WILD: list[Callable[[Tensor], Tensor]] = [lambda x: x, lambda x: 100 * (x - 0.5), torch.zeros_like, lambda x: 1e6 * x]


@pytest.mark.parametrize("wild", WILD)
@pytest.mark.parametrize("size", SIZES)
@torch.no_grad()
def test_no_weight_leaves_its_bounds(size: tuple[int, int], wild: Callable[[Tensor], Tensor]) -> None:
    middle, detail, saturation = (math.exp(reach) for reach in REACH)
    bounds = {"base": (1.0, saturation), "middle": (middle, saturation * middle)}
    bounds["detail"] = (detail, saturation * detail)
    for seed in range(4):
        network = moved(seed, by=10.0 ** (seed - 1))
        bands, low = some_bands(*size)
        weights = recompose_bands(network, Bands(*map(wild, bands)), low, wild(torch.rand(2, 3, 48, 48)))[1]
        for name, (factor, chroma_factor) in bounds.items():
            weight = getattr(weights, name)
            luma, chroma = weight[:, 0], weight[:, 1]
            assert weight.shape == low.shape
            assert torch.equal(chroma, weight[:, 2])
            assert luma.max() <= 1.001 * (1 + CURVE) * factor
            assert luma.min() >= 0.999 * (1 - CURVE) / factor
            assert (chroma / luma).max() <= 1.001 * chroma_factor
            assert (chroma / luma).min() >= 0.999 / chroma_factor


@torch.no_grad()
def test_a_gray_image_stays_gray() -> None:
    for seed in range(5):
        bands, low = some_bands(37, 41)
        gray = Bands(*(band[:, :1].expand(-1, 3, -1, -1) for band in bands))
        result = recomposed(moved(seed), gray, low).image
        torch.testing.assert_close(result, result[:, :1].expand_as(result))
        assert (result - gray.full).abs().mean() > 0.01


@torch.no_grad()
def test_the_hue_of_a_plain_colour_stays() -> None:
    colour = torch.tensor([0.6, 0.3, 0.4]).view(1, 3, 1, 1)
    for seed in range(5):
        plain = Bands(*(colour.expand(1, 3, size, size) for size in (16, 8, 4)))
        result = recomposed(moved(seed), plain, plain.full).image[0, :, 8, 8]
        before, after = colour.flatten() - colour.min(), result - result.min()
        torch.testing.assert_close(after / after.max(), before / before.max(), atol=1e-4, rtol=0)


@torch.no_grad()
def test_no_hue_moves_and_nothing_more_is_black_or_burnt_out() -> None:
    bands, low = some_bands(64, 48)
    bands = Bands(*(1.3 * band - 0.15 for band in bands))
    shown = bands.full.clamp(0, 1)
    for seed in range(6):
        result = recomposed(moved(seed, by=10.0, gain_limit=[None, 0.5][seed % 2]), bands, low).image
        assert (clipped(result) <= clipped(bands.full)).all()
        inside = (bands.full == shown).all(dim=1, keepdim=True)
        assert hue_shift(torch.where(inside, result, shown), shown).max() < 1
        assert (result - bands.full).abs().mean() > 0.05


@torch.no_grad()
def test_weights_are_smooth_in_the_roughest_image() -> None:
    for seed in range(5):
        noise = (torch.rand(1, 3, 64, 64) > 0.5).float()
        for weight in moved(seed)(ResidualBands(noise, noise - 0.5, noise - 0.5), noise, torch.rand(1, 3, 48, 48)):
            assert weight.log().diff(dim=2).abs().max() < 0.05
            assert weight.log().diff(dim=3).abs().max() < 0.05
        edge = torch.zeros(1, 3, 64, 64)
        edge[..., 32:] = 1
        for weight in moved(seed)(ResidualBands(edge, edge, edge), edge, torch.rand(1, 3, 48, 48)):
            assert weight.log().diff(dim=3).abs().max() < 0.15


@pytest.mark.parametrize("power", [1.0, 1.5, 2.0, 4.0])
def test_the_tone_curve_rises_everywhere_and_keeps_black_and_white(power: float) -> None:
    network = BoundedRecomposer(curve_power=power)
    light = torch.linspace(0, 1, 201, dtype=torch.float64)
    for level in torch.linspace(-4, 4, 33).tolist():
        for slope in torch.linspace(-SLOPES[0], SLOPES[0], 13).tolist():
            for mean in (0.0, 0.3, 0.6, 1.0):
                strength = CURVE * torch.tanh(level + slope * (light - mean))
                curve = light * (1 + strength * network.room(light))
                assert curve.diff().min() > 0
                assert curve[0] == 0
                assert curve[-1] == 1


@torch.no_grad()
def test_a_power_above_1_lifts_shadows_and_leaves_highlights() -> None:
    found = {}
    for power in (1.0, 2.0):
        network = BoundedRecomposer(curve_power=power).eval()
        network.state_dict()["head.3.bias"][0] = 2.0
        for shade in (0.1, 0.9):
            flat = torch.full((1, 3, 8, 8), shade)
            bands = Bands(flat, flat[..., :4, :4], flat[..., :2, :2])
            found[power, shade] = float(recomposed(network, bands, flat).image.mean()) - shade
    assert found[2.0, 0.1] > 0.8 * found[1.0, 0.1] > 0.05
    assert 0 < found[2.0, 0.9] < 0.15 * found[1.0, 0.9]


NIGHT, SHADOW, SKY = (0.004, 0.09), (0.05, 0.14), (0.02, 0.6)
"""Lightness of the low-light image and of stage 1's result: black; a backlit shadow; a night sky made bright."""


@torch.no_grad()
def test_what_stage_1_has_amplified_most_does_not_rise() -> None:
    found = {}
    for limit in (None, 3.0):
        network = BoundedRecomposer(gain_limit=limit).eval()
        network.state_dict()["head.3.bias"][::4] = 20.0
        for before, after in (NIGHT, SHADOW, SKY, (0.05, 0.2295)):
            full, low = (torch.full((1, 3, 8, 8), shade) for shade in (after, before))
            bands = Bands(full, full[..., :4, :4], full[..., :2, :2])
            weights = recomposed(network, bands, low).recomposition_weights
            found[limit, before, after] = [float(weight[0, channel].mean()) for weight in weights for channel in (0, 1)]
    assert found[3.0, *NIGHT] == found[3.0, *SKY] == [1.0] * 6  # luma and chroma of base, middle and detail
    assert found[3.0, *SHADOW] == found[None, *SHADOW]
    assert all(
        1.1 < half < whole for half, whole in zip(*(found[limit, 0.05, 0.2295] for limit in (3.0, None)), strict=True)
    )


@torch.no_grad()
def test_what_stage_1_has_amplified_may_fall() -> None:
    found = []
    for limit in (None, 3.0):
        network = BoundedRecomposer(gain_limit=limit).eval()
        network.state_dict()["head.3.bias"][::4] = -20.0
        bright, black = torch.full((1, 3, 8, 8), 0.3), torch.zeros(1, 3, 8, 8)
        bands = Bands(bright, bright[..., :4, :4], bright[..., :2, :2])
        found.append(recomposed(network, bands, black).recomposition_weights)
    for free, limited in zip(*found, strict=True):
        assert free.max() < 0.8
        assert torch.equal(free, limited)


@torch.no_grad()
def test_training_knows_no_limit() -> None:
    bands, low = some_bands(16, 16)
    preview = torch.rand(len(low), 3, 48, 48)
    found = {}
    for limit in (None, 0.5):
        network = moved(gain_limit=limit, dropout=0)
        for training in (True, False):
            weights = recompose_bands(network.train(training), bands, low, preview).recomposition_weights
            found[limit, training] = torch.cat([*weights])
    assert torch.equal(found[0.5, True], found[None, True])
    assert not torch.allclose(found[0.5, False], found[None, False])


MEASURES: list[tuple[int, Callable[[Tensor], Tensor]]] = [
    (0, lambda image: image.mean()),
    (2, lambda image: image.mean(1).diff(dim=2).abs().mean()),
    (3, lambda image: (image - image.mean(1, keepdim=True)).abs().mean()),
]
"""Of brightness, contrast of detail and saturation, and the number of the map that should change each."""


@torch.no_grad()
def test_brightness_contrast_and_saturation_are_within_reach() -> None:
    """By hand: the first of each map's numbers is its level."""
    torch.manual_seed(0)
    bands = Bands(*(0.4 + 0.2 * torch.rand(1, 3, size, size) for size in (32, 16, 8)))
    for number, measure in MEASURES:
        values = []
        for level in (-2.0, 0.0, 2.0):
            network = BoundedRecomposer().eval()
            network.state_dict()["head.3.bias"][4 * number] = level
            values.append(float(measure(recomposed(network, bands, bands.full).image)))
        assert values[0] < 0.85 * values[1]
        assert values[2] > 1.15 * values[1]


@torch.no_grad()
def test_tiles_give_what_the_whole_image_gives() -> None:
    bands, low = some_bands(96, 128, count=1)
    residuals, preview = decompose(bands), torch.rand(1, 3, 48, 48)
    network = moved()
    whole = network(residuals, low, preview)
    tile = network(ResidualBands(*(band[..., 32:, 40:] for band in residuals)), low[..., 32:, 40:], preview)
    for one, other in zip(whole, tile, strict=True):
        torch.testing.assert_close(one[..., 64:, 72:], other[..., 32:, 32:])


def test_gradients_reach_every_parameter() -> None:
    network = moved(by=0.1)
    bands, low = some_bands(16, 16)
    torch.autograd.backward(recomposed(network, bands, low).image.square().mean())
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in network.parameters())


@pytest.mark.parametrize("options", [{}, {"gain_limit": 3.0}, {"curve_power": 2.0}])
def test_it_learns_from_the_identity(options: dict[str, float]) -> None:
    torch.manual_seed(0)
    network, losses = BoundedRecomposer(dropout=0, **options), []  # type: ignore[arg-type]  # of several types
    bands, low = some_bands(16, 16)
    optimizer, preview = torch.optim.Adam(network.parameters(), 1e-2), torch.rand(2, 3, 48, 48)
    for _ in range(20):
        image = recompose_bands(network, bands, low, preview).image
        losses.append((image - 1.2 * bands.full).square().mean())
        optimizer.zero_grad()
        torch.autograd.backward(losses[-1])
        optimizer.step()
    assert losses[-1] < 0.7 * losses[0]


@torch.no_grad()
def test_it_sees_the_whole_image_over_stage_1() -> None:
    band, network = DRBN(recursions=1, base_channels=4), moved()
    both, low = BandRecomposition(band, network).eval(), torch.rand(2, 3, 9, 6) * 0.2
    thumbnails = torch.rand(2, 2, 3, 48, 48) * 0.3
    first, other = (both.parts(low, thumbnail)[1].recomposition_weights.base for thumbnail in thumbnails)
    assert not torch.allclose(first, other)
    preview = preview_of(network, band, low, thumbnails[0])
    assert preview is not None
    assert torch.equal(preview, band(thumbnails[0], thumbnails[0]).full)
    assert preview_of(band, band, low, thumbnails[0]) is None
    assert both(low).full.shape == low.shape
    assert in_precision(both, torch.bfloat16)(low.bfloat16(), thumbnails[0]).full.isfinite().all()


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        ({"base_channels": 0}, "base_channels"),
        ({"hidden": 0}, "hidden"),
        ({"dropout": 1}, "dropout"),
        ({"curve_power": 0.5}, "curve_power"),
        ({"gain_limit": 0.0}, "gain_limit"),
        ({"gain_limit": math.inf}, "gain_limit"),
    ],
)
def test_refuses_nonsense(arguments: dict[str, float], key: str) -> None:
    with pytest.raises(ValueError, match=rf"recomposer\.{key}"):
        BoundedRecomposer(**arguments)  # type: ignore[arg-type]  # of several types


def test_a_checkpoint_with_a_map_more_loads_without_it() -> None:
    network = moved()
    state = network.state_dict()
    longer = {name: torch.cat([value, torch.rand_like(value[:4])]) for name, value in state.items() if "head.3" in name}
    assert [len(value) for value in longer.values()] == [20, 20]
    holder = nn.ModuleDict({"recomposer": BoundedRecomposer()})
    holder.load_state_dict({f"recomposer.{name}": value for name, value in (state | longer).items()})
    for name, value in state.items():
        assert torch.equal(holder["recomposer"].state_dict()[name], value)
    with pytest.raises(RuntimeError, match="size mismatch"):
        network.load_state_dict(state | {name: value[:8] for name, value in longer.items()})
