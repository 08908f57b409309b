import torch

from drbn_lightning.bands import ResidualBands, recompose
from drbn_lightning.networks.luma_chroma import luma, recompose_luma_chroma, within_range

BANDS = ResidualBands(*torch.rand(3, 2, 3, 5, 7) / 6 + 0.05)
"""Their sum stays in range with the weights below."""


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


def test_weights_of_one_change_no_bit_beyond_the_range_either() -> None:
    wild = ResidualBands(*(20 * (band - 0.1) for band in BANDS))
    assert torch.equal(recompose_luma_chroma(wild, both(1, 1)), recompose(wild))


def test_what_leaves_the_range_comes_back_with_its_hue() -> None:
    image, reference = 3 * torch.rand(2, 3, 40, 40) - 1, torch.rand(2, 3, 40, 40)
    mapped = within_range(image, reference)
    assert mapped.min().item() >= min(1 / 255, reference.min().item()) - 1e-6
    assert mapped.max().item() <= max(254 / 255, reference.max().item()) + 1e-6
    before, after = image - luma(image), mapped - luma(mapped)
    torch.testing.assert_close(before * after.norm(dim=1, keepdim=True), after * before.norm(dim=1, keepdim=True))
    kept = ((image >= 1 / 255) & (image <= 254 / 255)).all(dim=1, keepdim=True).expand_as(image)
    assert kept.any()
    assert torch.equal(mapped[kept], image[kept])


def test_what_leaves_the_range_has_a_gradient() -> None:
    image = (3 * torch.rand(2, 3, 4, 4) - 1).requires_grad_()
    torch.autograd.backward([within_range(image, torch.rand(2, 3, 4, 4)).sum()])
    assert image.grad is not None
    assert image.grad.isfinite().all()
    assert image.grad.abs().sum() > 0
