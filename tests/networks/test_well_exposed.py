"""Well-exposed images are left alone, dark ones enhanced with full strength; crops and tiles agree with the whole."""

import pytest
import torch

from drbn_lightning.bands import targets
from drbn_lightning.networks.drbn import DRBN
from drbn_lightning.networks.first_guess import thumbnails_of
from drbn_lightning.networks.retinex import RetinexNet
from drbn_lightning.networks.well_exposed import WellExposed

Network = type[DRBN] | type[RetinexNet]


def network(kind: Network, threshold: float | None = 0.42) -> DRBN | RetinexNet:
    torch.manual_seed(0)
    return kind(base_channels=4, growth_rate=2, well_exposed_from=threshold).eval()


def backlit(size: int = 48) -> torch.Tensor:
    """A bright sky above a dark ground: its mean is that of a well-exposed image."""
    image = torch.full((1, 3, size, size), 0.05)
    image[..., : size // 2, :] = 0.95
    return image


@pytest.mark.parametrize("kind", [DRBN, RetinexNet])
def test_a_well_exposed_image_comes_out_as_it_is_and_a_dark_one_as_without_threshold(kind: Network) -> None:
    bright = 0.4 + 0.5 * torch.rand(1, 3, 37, 41)
    with torch.inference_mode():
        for band, own in zip(network(kind)(bright), targets(bright), strict=True):
            assert band.shape == own.shape
        assert torch.equal(network(kind)(bright).full, bright)
        assert not torch.allclose(network(kind, None)(bright).full, bright, atol=0.01)
        for band, same in zip(network(kind)(0.1 * bright), network(kind, None)(0.1 * bright), strict=True):
            torch.testing.assert_close(band, same)


def test_strength_falls_steadily_and_a_backlit_image_is_no_well_exposed_one() -> None:
    exposures = torch.linspace(0.02, 1, 50)[:, None, None, None].expand(-1, 3, 8, 8)
    strength = WellExposed(0.42).strength(exposures)
    assert strength is not None
    assert (strength.diff(dim=0) <= 0).all()
    assert (strength.min().item(), strength.max().item()) == (0, 1)
    of_backlit = WellExposed(0.42).strength(backlit())
    assert of_backlit is not None
    assert backlit().mean() > 0.42
    assert of_backlit.item() == 1


def test_a_tile_has_the_strength_of_its_image() -> None:
    image = (0.3 + 0.2 * torch.rand(1, 3, 64, 64)).requires_grad_(False)
    drbn = network(DRBN)
    with torch.inference_mode():
        strength = drbn.well_exposed.strength(image)
        assert strength is not None
        assert 0 < strength.item() < 1
        sky = torch.ones(1, 3, 16, 16)
        assert not torch.equal(drbn(sky, thumbnails_of(image)).full, sky)
        assert torch.equal(drbn(sky).full, sky)


def test_every_recursion_is_mixed_alike() -> None:
    image = 0.3 + 0.2 * torch.rand(1, 3, 32, 32)
    drbn = DRBN(recursions=2, base_channels=4, growth_rate=2, well_exposed_from=0.42).eval()
    assert torch.equal(drbn.every_recursion(image)[-1].full, drbn(image).full)


@pytest.mark.parametrize("threshold", [0.0, -1.0, 1.5])
def test_a_threshold_that_is_no_luma_is_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match=r"network\.well_exposed_from is .* null"):
        DRBN(well_exposed_from=threshold)
