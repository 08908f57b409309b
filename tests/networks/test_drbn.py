import pytest
import torch
from torch import Tensor

from drbn_lightning.bands import targets
from drbn_lightning.checkpoints.official import RELEASED_ARGUMENTS, import_official
from drbn_lightning.networks.drbn import DRBN
from drbn_lightning.networks.first_guess import thumbnails_of
from tests import golden


@pytest.fixture(scope="module")
def released() -> DRBN:
    network = DRBN(**RELEASED_ARGUMENTS)
    network.load_state_dict(import_official(golden.released_band_state()))
    return network.eval()


def parameters(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("band", ["full", "half", "quarter"])
@torch.no_grad()
def test_gives_the_released_networks_figures(released: DRBN, band: str) -> None:
    mean, deviation, values = golden.BAND[band]
    result = getattr(released(golden.image(1)), band)
    assert result.mean().item() == pytest.approx(mean, rel=1e-4)
    assert result.std().item() == pytest.approx(deviation, rel=1e-4)
    for index, value in values.items():
        assert result.flatten()[index].item() == pytest.approx(value, rel=1e-4)


def test_has_the_released_networks_size() -> None:
    assert parameters(DRBN()) == 557_668
    assert len(DRBN().state_dict()) == 336


@pytest.mark.parametrize("recursions", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("share_weights", [False, True])
def test_any_number_of_recursions(recursions: int, share_weights: bool) -> None:
    network = DRBN(recursions, share_weights=share_weights)
    assert parameters(network) == 139_417 * (1 if share_weights else recursions)
    assert network(torch.rand(1, 3, 8, 8)).full.shape == (1, 3, 8, 8)


@pytest.mark.parametrize(("height", "width"), [(401, 603), (37, 41), (1, 1), (4, 6), (2, 9)])
@torch.no_grad()
def test_any_size(height: int, width: int) -> None:
    bands = DRBN(recursions=2)(torch.rand(1, 3, height, width))
    for factor, band in zip((1, 2, 4), bands, strict=True):
        assert band.shape == (1, 3, -(-height // factor), -(-width // factor))
        assert band.isfinite().all()


@torch.no_grad()
def test_padding_continues_the_border_and_is_cut_off_again() -> None:
    network, low = DRBN(first_guess="input"), torch.rand(1, 3, 10, 13)
    padded = torch.nn.functional.pad(low, (0, 3, 0, 2), mode="replicate")
    torch.testing.assert_close(network(low).full, network(padded).full[..., :10, :13])


@torch.no_grad()
def test_every_recursion_ends_with_the_result() -> None:
    network, low = DRBN(recursions=3), torch.rand(2, 3, 12, 16)
    steps = network.every_recursion(low)
    assert len(steps) == 3
    assert all(torch.equal(a, b) for a, b in zip(steps[-1], network(low), strict=True))
    assert not torch.allclose(steps[0].full, steps[-1].full)


@torch.no_grad()
def test_the_first_recursions_of_a_longer_network_are_those_of_a_shorter_one() -> None:
    long, short, low = DRBN(recursions=3), DRBN(recursions=2), torch.rand(1, 3, 8, 8)
    short.load_state_dict({name: value for name, value in long.state_dict().items() if "blocks.2" not in name})
    torch.testing.assert_close(long.every_recursion(low)[1].full, short(low).full)


def gradient_of_last(network: DRBN, low: Tensor) -> dict[str, bool]:
    network(low).full.sum().backward()
    return {name: parameter.grad is not None for name, parameter in network.named_parameters()}


def test_without_recursive_input_only_the_features_flow_on() -> None:
    network, low = DRBN(recursions=2, recursive_input=False), torch.rand(1, 3, 8, 8)
    reached = gradient_of_last(network, low)
    assert reached["blocks.0.full_up.fusion.weight"]
    assert not reached["blocks.0.full_head.0.weight"]


def test_without_the_feature_residual_only_the_result_flows_on() -> None:
    network, low = DRBN(recursions=2, feature_residual=False), torch.rand(1, 3, 8, 8)
    assert gradient_of_last(network, low)["blocks.0.full_head.0.weight"]
    with torch.no_grad():
        first, second = network.every_recursion(low)
        alone = DRBN(recursions=1, first_guess="input")
        alone.load_state_dict(
            {n.replace("blocks.1", "blocks.0"): v for n, v in network.state_dict().items() if "blocks.1" in n}
        )
        images = torch.cat([first.full, low], dim=1)
        expected = alone.blocks[0].bands(alone.blocks[0](images, None))  # type: ignore[operator]
    torch.testing.assert_close(second.full, expected.full)


def test_guess_brings_the_whole_image_to_the_mean() -> None:
    network = DRBN(recursions=1, guess_mean=0.42)
    low = torch.rand(2, 3, 8, 8) * 0.1
    torch.testing.assert_close(network.guess(low).mean(dim=(1, 2, 3)), torch.full((2,), 0.42))


def test_guess_of_a_crop_uses_the_mean_of_its_image() -> None:
    network, low = DRBN(recursions=1, guess_mean=0.4), torch.full((1, 3, 4, 4), 0.1)
    torch.testing.assert_close(network.guess(low, torch.full((1, 3, 48, 48), 0.2)), torch.full_like(low, 0.2))
    assert DRBN(recursions=1, first_guess="input").guess(low, torch.full((1, 3, 48, 48), 0.2)) is low


def test_guess_is_bounded_in_gain_and_value() -> None:
    network = DRBN(recursions=1, guess_gain_limit=10, guess_ceiling=1.5)
    assert network.guess(torch.full((1, 3, 4, 4), 0.01)).max().item() == pytest.approx(0.1)
    spot = torch.zeros(1, 3, 8, 8)
    spot[..., 0, 0] = 0.5
    assert network.guess(spot).max().item() == pytest.approx(1.5)
    assert network.guess(torch.zeros(1, 3, 4, 4)).isfinite().all()


def test_gradients_reach_every_parameter() -> None:
    network = DRBN(recursions=2)
    sum(band.square().mean() for band in network(torch.rand(1, 3, 16, 16))).backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in network.parameters())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"recursions": 0}, "network.recursions is 0"), ({"first_guess": "zero"}, "input, mean, learned")],
)
def test_refuses_nonsense(arguments: dict[str, int | str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DRBN(**arguments)  # type: ignore[arg-type]


def test_bands_may_add_to_the_first_guess() -> None:
    torch.manual_seed(0)
    plain, adding = DRBN(recursions=1), DRBN(recursions=1, guess_residual=True)
    adding.load_state_dict(plain.state_dict())
    low = 0.1 * torch.rand(2, 3, 17, 22)
    with torch.inference_mode():
        before, after, guess = plain(low), adding(low), plain.guess(low)
        torch.testing.assert_close(after.full, before.full + guess)
        torch.testing.assert_close((after.quarter - before.quarter)[..., :4, :5], targets(guess[..., :16, :20]).quarter)


def test_a_learned_guess_gives_tiles_what_it_gives_the_whole() -> None:
    torch.manual_seed(0)
    network = DRBN(recursions=1, base_channels=4, growth_rate=2, first_guess="learned").eval()
    assert network.guess.predictor is not None
    torch.nn.init.normal_(network.guess.predictor.head[-1].weight)  # type: ignore[arg-type]
    low = 0.1 * torch.rand(1, 3, 32, 160)
    with torch.inference_mode():
        untiled = network(low).full
        tile = network(low[..., :96], thumbnails_of(low)).full
        torch.testing.assert_close(tile[..., :32], untiled[..., :32])
