import pytest
import torch

from drbn_lightning.bands import targets
from drbn_lightning.checkpoints.description import NetworkDescription
from drbn_lightning.losses.band import BandLoss
from drbn_lightning.networks.first_guess import thumbnails_of
from drbn_lightning.networks.retinex import DARKEST, RetinexNet


def small() -> RetinexNet:
    torch.manual_seed(0)
    return RetinexNet(base_channels=4, growth_rate=2)


def test_is_a_small_network() -> None:
    assert sum(parameter.numel() for parameter in RetinexNet().parameters()) == 150_693


@torch.no_grad()
def test_reflectance_times_illumination_is_the_image() -> None:
    low = torch.rand(2, 3, 12, 16)
    parts = small().decompose(low)
    torch.testing.assert_close(parts.reflectance * parts.illumination, low)
    assert (parts.illumination >= low.amax(dim=1, keepdim=True) - 1e-6).all()
    assert (parts.illumination <= 1).all()
    assert (parts.reflectance <= 1 + 1e-6).all()


@torch.no_grad()
def test_black_has_the_darkest_illumination_and_stays_finite() -> None:
    parts = small().decompose(torch.zeros(1, 3, 4, 4))
    assert (parts.illumination >= DARKEST - 1e-6).all()
    assert (parts.reflectance == 0).all()
    assert all(band.isfinite().all() for band in small()(torch.zeros(1, 3, 4, 4)))


@pytest.mark.parametrize(("height", "width"), [(401, 603), (37, 41), (1, 1), (2, 9)])
@torch.no_grad()
def test_any_size(height: int, width: int) -> None:
    bands = small()(torch.rand(1, 3, height, width))
    for factor, band in zip((1, 2, 4), bands, strict=True):
        assert band.shape == (1, 3, -(-height // factor), -(-width // factor))
        assert band.isfinite().all()


@torch.no_grad()
def test_the_coarser_bands_are_the_result_brought_down() -> None:
    bands = small()(torch.rand(1, 3, 16, 12))
    assert all(torch.equal(one, other) for one, other in zip(bands, targets(bands.full), strict=True))


@torch.no_grad()
def test_starts_near_the_first_guess() -> None:
    low = 0.02 + 0.1 * torch.rand(1, 3, 16, 16)
    guess, start = RetinexNet().guess(low), RetinexNet()(low).full
    assert (start - guess).abs().mean() < 0.3 < guess.mean()


@torch.no_grad()
def test_a_crop_is_as_bright_as_in_its_image() -> None:
    network, low = small(), torch.cat([torch.full((1, 3, 8, 8), 0.02), torch.full((1, 3, 8, 8), 0.2)], dim=3)
    full, crop = network(low).full, network(low[..., 8:], thumbnails_of(low)).full
    assert abs(float(full[..., 8:].mean() - crop.mean())) < 0.1
    assert abs(float(network(low[..., 8:]).full.mean() - crop.mean())) > 0.1


def test_every_part_learns() -> None:
    network = small()
    BandLoss(l1_weight=1.0)(network(torch.rand(1, 3, 16, 16)), torch.rand(1, 3, 16, 16))["loss"].backward()
    without = [name for name, parameter in network.named_parameters() if parameter.grad is None]
    assert without == []


def test_a_checkpoint_can_build_it_again() -> None:
    described = NetworkDescription("drbn_lightning.networks.retinex.RetinexNet", {"base_channels": 4, "growth_rate": 2})
    assert described.build().state_dict().keys() == small().state_dict().keys()
