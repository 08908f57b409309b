import torch

from drbn_lightning.bands import ResidualBands, recompose
from drbn_lightning.networks.luma_chroma import luma, recompose_luma_chroma

BANDS = ResidualBands(*torch.rand(3, 2, 3, 5, 7))


def both(first: float, second: float) -> ResidualBands:
    """Weights of luma and of chroma, the same in all bands."""
    weight = torch.tensor([first, second, second]).view(1, 3, 1, 1)
    return ResidualBands(weight, weight, weight)


def test_weights_of_one_change_no_bit() -> None:
    assert torch.equal(recompose_luma_chroma(BANDS, both(1, 1)), recompose(BANDS))


def test_equal_weights_are_plain_weights() -> None:
    torch.testing.assert_close(recompose_luma_chroma(BANDS, both(0.7, 0.7)), 0.7 * recompose(BANDS))


def test_luma_and_chroma_have_weights_of_their_own() -> None:
    image, changed = recompose(BANDS), recompose_luma_chroma(BANDS, both(1.5, 0.5))
    torch.testing.assert_close(luma(changed), 1.5 * luma(image))
    torch.testing.assert_close(changed - luma(changed), 0.5 * (image - luma(image)))


def test_luma_of_one_image_and_of_several() -> None:
    torch.testing.assert_close(luma(BANDS.base)[1], luma(BANDS.base[1]))
    torch.testing.assert_close(luma(torch.full((3, 2, 2), 0.4)), torch.full((1, 2, 2), 0.4))
