import pytest
import torch

from drbn_lightning.networks.first_guess import Adjustment, Guess, adjusted, thumbnails_of


def guess(kind: str = "mean", limit: float = 60.0, ceiling: float = 1.5) -> Guess:
    return Guess(kind, 0.42, limit, ceiling)  # type: ignore[arg-type]  # a wrong kind is a test


def test_brings_the_whole_image_to_the_mean() -> None:
    low = 0.1 * torch.rand(2, 3, 8, 8)
    torch.testing.assert_close(guess()(low).mean(dim=(1, 2, 3)), torch.full((2,), 0.42))


def test_a_crop_takes_the_gain_of_its_image() -> None:
    low, thumbnail = torch.full((1, 3, 4, 4), 0.1), torch.full((1, 3, 48, 48), 0.2)
    torch.testing.assert_close(guess()(low, thumbnail), 0.1 * low.new_full((1, 3, 4, 4), 0.42 / 0.2))


def test_gain_and_values_are_bounded() -> None:
    dark = torch.full((1, 3, 4, 4), 1e-4)
    assert guess(limit=10.0)(dark).max().item() == pytest.approx(1e-3)
    dark[..., 0, 0] = 1.0
    assert guess()(dark).max().item() == 1.5
    assert guess()(torch.zeros(1, 3, 4, 4)).isfinite().all()


def test_what_is_bright_already_is_not_made_darker_where_that_is_asked_for() -> None:
    bright = 0.5 + 0.4 * torch.rand(1, 3, 8, 8)
    assert guess()(bright).mean().item() == pytest.approx(0.42, abs=1e-5)
    careful = Guess("mean", 0.42, 60.0, 1.5, least_gain=1.0)
    assert torch.equal(careful(bright), bright)
    assert torch.equal(careful(0.1 * bright), guess()(0.1 * bright))


def test_a_smallest_gain_above_the_largest_is_refused() -> None:
    with pytest.raises(ValueError, match=r"network\.guess_least_gain is 3\.0"):
        Guess("mean", 0.42, gain_limit=2.0, ceiling=1.5, least_gain=3.0)


def test_input_is_the_image_itself() -> None:
    low = torch.rand(1, 3, 4, 4)
    assert guess("input")(low, torch.full((1, 3, 48, 48), 0.1)) is low


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match=r"network\.first_guess .*'zero'.*input, mean, learned"):
        guess("zero")


def taught(seed: int = 0) -> Guess:
    """A learned guess whose last layer is not zero any more."""
    torch.manual_seed(seed)
    learned = guess("learned").eval()
    assert learned.predictor is not None
    torch.nn.init.normal_(learned.predictor.head[-1].weight)  # type: ignore[arg-type]
    return learned


def test_a_learned_guess_starts_as_the_mean() -> None:
    low = 0.1 * torch.rand(2, 3, 60, 40)
    torch.testing.assert_close(guess("learned").eval()(low), guess()(low), atol=1e-4, rtol=0)


def test_a_learned_guess_is_small_and_every_parameter_learns() -> None:
    learned = taught()
    assert sum(parameter.numel() for parameter in learned.parameters()) <= 100_000
    learned(0.1 * torch.rand(2, 3, 16, 16)).square().mean().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in learned.parameters())


def test_crops_with_the_thumbnail_of_the_whole_get_what_the_whole_gets() -> None:
    learned, low = taught(), 0.1 * torch.rand(2, 3, 60, 40)
    with torch.inference_mode():
        guessed, thumbnail = learned(low), thumbnails_of(low)
        assert not torch.allclose(guessed, guess()(low), atol=0.05)
        torch.testing.assert_close(learned(low[..., 10:30, 5:25], thumbnail), guessed[..., 10:30, 5:25])
        assert not torch.allclose(learned(low[..., 10:30, 5:25]), guessed[..., 10:30, 5:25], atol=1e-3)


def test_what_is_learned_stays_in_bounds() -> None:
    learned, low = taught(), torch.rand(4, 3, 20, 20) ** 4
    assert learned.predictor is not None
    result = learned(low)
    assert result.min() >= 0
    assert result.max() <= 1.5
    adjustment = learned.predictor(torch.rand(4, 3, 48, 48), torch.ones(4, 1, 1, 1))
    assert (adjustment.gamma.log().abs() <= 0.5).all()


def test_an_adjustment_mixes_colours_and_bends_them() -> None:
    matrix = torch.tensor([[[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [2.0, 0.0, 0.0]]])
    image = torch.tensor([0.2, 0.3, 0.4]).reshape(1, 3, 1, 1)
    result = adjusted(image, Adjustment(matrix, torch.tensor([2.0])), 1.5)
    torch.testing.assert_close(result.flatten(), torch.tensor([0.09, 0.16, 0.16]))
