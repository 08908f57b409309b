from typing import Any

import pytest
import torch
from torch import Tensor, nn

from drbn_lightning.bands import Bands, ResidualBands, decompose, recompose
from drbn_lightning.checkpoints.official import RELEASED_RECOMPOSER_ARGUMENTS, import_official
from drbn_lightning.networks.drbn import DRBN
from drbn_lightning.networks.recomposition import (
    BandRecomposition,
    FlatRecomposer,
    UNetRecomposer,
    recompose_bands,
)
from tests import golden
from tests.running import all_same

Recomposer = type[FlatRecomposer] | type[UNetRecomposer]
BOTH = pytest.mark.parametrize("kind", [FlatRecomposer, UNetRecomposer])


def some_bands(height: int = 12, width: int = 8, count: int = 1) -> tuple[Bands, Tensor]:
    sizes = [(-(-height // f), -(-width // f)) for f in (1, 2, 4)]
    return Bands(*(torch.rand(count, 3, *size) for size in sizes)), torch.rand(count, 3, height, width)


def release(network: nn.Module, state: dict[str, Tensor]) -> nn.Module:
    network.load_state_dict(import_official(state))
    return network.eval()


@torch.no_grad()
def test_gives_the_released_networks_figures() -> None:
    band = release(DRBN(first_guess="input"), golden.released_band_state())
    recomposer = release(FlatRecomposer(**RELEASED_RECOMPOSER_ARGUMENTS), golden.released_recomposer_state())
    low = golden.image(1)
    result = recompose_bands(recomposer, band(low), low)
    results = {f"weight_{name}": getattr(result.recomposition_weights, name) for name in ResidualBands._fields}
    results["result"] = result.image
    assert set(results) == set(golden.RECOMPOSE)
    for name, (mean, deviation, values) in golden.RECOMPOSE.items():
        assert results[name].mean().item() == pytest.approx(mean, rel=1e-4)
        assert results[name].std().item() == pytest.approx(deviation, rel=1e-4)
        for index, value in values.items():
            assert results[name].flatten()[index].item() == pytest.approx(value, rel=1e-4)


@pytest.mark.parametrize(
    ("network", "count"),
    [
        (FlatRecomposer(), 19_161),
        (FlatRecomposer(guided=False), 19_161 - 3 * 16 * 9),
        (UNetRecomposer(), 133_337),
        (UNetRecomposer(guided=False), 133_337 - 3 * 16 * 9),
    ],
)
def test_sizes(network: nn.Module, count: int) -> None:
    assert sum(parameter.numel() for parameter in network.parameters()) == count


@BOTH
@pytest.mark.parametrize("guided", [True, False])
@pytest.mark.parametrize("size", [(1, 1), (2, 9), (8, 8), (37, 41)])
@torch.no_grad()
def test_any_size(kind: Recomposer, guided: bool, size: tuple[int, int]) -> None:
    bands, low = some_bands(*size, count=2)
    result = recompose_bands(kind(guided, start_at_identity=False), bands, low)
    assert result.image.shape == low.shape
    for weight, residual in zip(result.recomposition_weights, result.residuals, strict=True):
        assert weight.shape == residual.shape == low.shape
        assert weight.isfinite().all()


@BOTH
@torch.no_grad()
def test_the_low_image_counts_only_where_it_guides(kind: Recomposer) -> None:
    bands, low = some_bands()
    for guided in (True, False):
        network = kind(guided, start_at_identity=False)
        first, other = (recompose_bands(network, bands, image).image for image in (low, 1 - low))
        assert torch.equal(first, other) is not guided


@torch.no_grad()
def test_a_size_of_no_multiple_of_4_continues_the_border() -> None:
    network, residuals = UNetRecomposer(start_at_identity=False), ResidualBands(*torch.rand(3, 1, 3, 10, 13))
    low = torch.rand(1, 3, 10, 13)
    low_padded, *padded = (nn.functional.pad(image, (0, 3, 0, 2), mode="replicate") for image in (low, *residuals))
    expected = network(ResidualBands(*padded), low_padded)
    for weight, large in zip(network(residuals, low), expected, strict=True):
        torch.testing.assert_close(weight, large[..., :10, :13])


@torch.no_grad()
def test_stage_2_starts_where_stage_1_ended() -> None:
    bands, low = some_bands(37, 41)
    for chained in (False, True):
        result = recompose_bands(UNetRecomposer(chained=chained), bands, low)
        assert all(torch.equal(weight, torch.ones_like(low)) for weight in result.recomposition_weights)
        assert torch.equal(result.image, recompose(decompose(bands, chained=chained)))
        torch.testing.assert_close(result.image, bands.full)
    flat = recompose_bands(FlatRecomposer(start_at_identity=True), bands, low)
    assert all((weight == 0.6).all() for weight in flat.recomposition_weights)


@BOTH
@torch.no_grad()
def test_weights_are_scaled_and_offset(kind: Recomposer) -> None:
    residuals, low = ResidualBands(*torch.rand(3, 1, 3, 8, 8)), torch.rand(1, 3, 8, 8)
    plain = kind(weight_scale=1, weight_offset=0, start_at_identity=False)
    scaled = kind(weight_scale=0.5, weight_offset=2, start_at_identity=False)
    scaled.load_state_dict(plain.state_dict())
    for one, other in zip(plain(residuals, low), scaled(residuals, low), strict=True):
        torch.testing.assert_close(0.5 * one + 2, other)


@BOTH
def test_gradients_reach_every_parameter(kind: Recomposer) -> None:
    network = kind(start_at_identity=False)
    bands, low = some_bands(16, 16)
    torch.autograd.backward(recompose_bands(network, bands, low).image.square().mean())
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in network.parameters())


@BOTH
def test_it_learns_from_an_output_of_zero(kind: Recomposer) -> None:
    torch.manual_seed(0)
    network = kind(start_at_identity=True)
    bands, low = some_bands(16, 16)
    optimizer, losses = torch.optim.Adam(network.parameters(), 1e-3), []
    for _ in range(20):
        losses.append((recompose_bands(network, bands, low).image - 1.2 * bands.full).square().mean())
        optimizer.zero_grad()
        torch.autograd.backward(losses[-1])
        optimizer.step()
    assert losses[-1] < 0.7 * losses[0]
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in network.parameters())


@torch.no_grad()
def test_chained_steps_give_other_bands() -> None:
    bands, low = some_bands(16, 16)
    plain, chained_steps = (recompose_bands(UNetRecomposer(chained=chained), bands, low) for chained in (False, True))
    assert not torch.allclose(plain.residuals.base, chained_steps.residuals.base)
    assert torch.equal(chained_steps.residuals.base, decompose(bands, chained=True).base)


@pytest.mark.parametrize("chained", [False, True])
@torch.no_grad()
def test_both_stages_as_one_network(chained: bool) -> None:
    band, recomposer = DRBN(recursions=2, base_channels=4), FlatRecomposer()
    network, low = BandRecomposition(band, recomposer), torch.rand(2, 3, 9, 6) * 0.2
    thumbnail = torch.tensor([0.1, 0.2])[:, None, None, None].expand(2, 3, 48, 48)
    result, (bands, recomposed) = network(low, thumbnail), network.parts(low, thumbnail)
    expected = band(low, thumbnail)
    assert all_same(torch.equal, bands, expected)
    assert torch.equal(recomposed.image, recompose_bands(recomposer, expected, low).image)
    assert torch.equal(result.full, recomposed.image)
    assert all_same(torch.equal, result[1:], expected[1:])
    assert not torch.equal(network(low).full, result.full)
    names = {name.split(".")[0] for name in network.state_dict()}
    assert names == {"band", "recomposer"}


@pytest.mark.parametrize(
    ("kind", "arguments", "key"),
    [
        (FlatRecomposer, {"channels": 0}, "channels is 0"),
        (FlatRecomposer, {"growth_rate": -1}, "growth_rate is -1"),
        (UNetRecomposer, {"base_channels": 0}, "base_channels is 0"),
        (UNetRecomposer, {"growth_rate": 0}, "growth_rate is 0"),
    ],
)
def test_refuses_nonsense(kind: Recomposer, arguments: dict[str, Any], key: str) -> None:
    with pytest.raises(ValueError, match=rf"recomposer\.{key}"):
        kind(**arguments)
