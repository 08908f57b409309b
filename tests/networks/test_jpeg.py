from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from drbn_lightning.networks.jpeg import Reencoding


def smooth_image(height: int = 64, width: int = 48) -> Tensor:
    y, x = torch.meshgrid(torch.linspace(0, 3, height), torch.linspace(0, 2, width), indexing="ij")
    waves = torch.stack([torch.sin(2 * x + y), torch.cos(3 * y - x), torch.sin(5 * x * y)])
    noise = torch.rand(3, height, width, generator=torch.Generator().manual_seed(0))
    return ((0.5 + 0.4 * waves + 0.1 * (noise - 0.5)).clamp(0, 1) * 255).round()[None] / 255


def by_pillow(image: Tensor, quality: int) -> Tensor:
    file = BytesIO()
    pixels = (image[0] * 255).byte().permute(1, 2, 0).numpy()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling=2)
    return torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1)[None] / 255


@pytest.mark.parametrize("quality", [30, 75, 90])
def test_it_is_near_a_real_jpeg(quality: int) -> None:
    image = smooth_image()
    real, ours = by_pillow(image, quality), Reencoding(quality, quality)(image)
    lost = (real - image).abs().mean()
    assert (ours - image).abs().mean().item() == pytest.approx(lost.item(), rel=0.15)
    assert (ours - real).abs().mean() < 0.5 * lost


def test_a_lower_quality_loses_more() -> None:
    image = smooth_image()
    losses = [(Reencoding(q, q)(image) - image).square().mean().item() for q in (95, 75, 40, 10)]
    assert losses == sorted(losses)


@pytest.mark.parametrize("size", [(1, 1), (1, 20), (5, 7), (16, 16), (17, 33), (37, 41)])
def test_any_size_with_a_gradient(size: tuple[int, int]) -> None:
    image = torch.rand(2, 3, *size).requires_grad_()
    result = Reencoding()(image)
    assert result.shape == image.shape
    assert result.min() >= -1e-4
    assert result.max() <= 1 + 1e-4
    (gradient,) = torch.autograd.grad(result.square().sum(), image)
    assert gradient.isfinite().all()
    assert gradient.abs().sum() > 0


def test_values_beyond_the_range_are_clipped_first() -> None:
    codec, image = Reencoding().eval(), smooth_image() * 3 - 1
    torch.testing.assert_close(codec(image), codec(image.clamp(0, 1)))


def test_qualities_are_drawn_per_image_in_training_only() -> None:
    codec = Reencoding(60, 90)
    torch.manual_seed(0)
    drawn = codec.qualities(1000)
    torch.manual_seed(0)
    assert torch.equal(codec.qualities(1000), drawn)
    assert 60 <= drawn.min() < 61
    assert 89 < drawn.max() <= 90
    state = torch.get_rng_state()
    assert codec.eval().qualities(3).tolist() == [75.0, 75.0, 75.0]
    assert torch.equal(torch.get_rng_state(), state)


def test_each_image_gets_its_own_quality(monkeypatch: pytest.MonkeyPatch) -> None:
    codec, image = Reencoding(), smooth_image()
    monkeypatch.setattr(codec, "qualities", lambda count: torch.tensor([10.0, 95.0])[:count])
    both = codec(image.repeat(2, 1, 1, 1))
    torch.testing.assert_close(both[:1], Reencoding(10, 10)(image))
    torch.testing.assert_close(both[1:], Reencoding(95, 95)(image))


def test_it_computes_in_float32_under_autocast() -> None:
    codec, image = Reencoding().eval(), smooth_image()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = codec(image)
    assert result.dtype == torch.float32
    torch.testing.assert_close(result, codec(image))


@pytest.mark.parametrize("qualities", [(90, 80), (0, 50), (50, 101), (float("nan"), 50)])
def test_refuses_an_impossible_range(qualities: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="1 to 100"):
        Reencoding(*qualities)
