import pytest
import torch

from drbn_lightning.networks.first_guess import Guess


def guess(kind: str = "mean", limit: float = 60.0, ceiling: float = 1.5) -> Guess:
    return Guess(kind, 0.42, limit, ceiling)  # type: ignore[arg-type]  # a wrong kind is a test


def test_brings_the_whole_picture_to_the_mean() -> None:
    low = 0.1 * torch.rand(2, 3, 8, 8)
    torch.testing.assert_close(guess()(low).mean(dim=(1, 2, 3)), torch.full((2,), 0.42))


def test_a_crop_takes_the_gain_of_its_picture() -> None:
    low, mean = torch.full((1, 3, 4, 4), 0.1), torch.tensor([0.2])
    torch.testing.assert_close(guess()(low, mean), 0.1 * low.new_full((1, 3, 4, 4), 0.42 / 0.2))


def test_gain_and_values_are_bounded() -> None:
    dark = torch.full((1, 3, 4, 4), 1e-4)
    assert guess(limit=10.0)(dark).max().item() == pytest.approx(1e-3)
    dark[..., 0, 0] = 1.0
    assert guess()(dark).max().item() == 1.5
    assert guess()(torch.zeros(1, 3, 4, 4)).isfinite().all()


def test_input_is_the_picture_itself() -> None:
    low = torch.rand(1, 3, 4, 4)
    assert guess("input")(low, torch.tensor([0.1])) is low


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match=r"network\.first_guess is 'zero'; use 'input' or 'mean'"):
        guess("zero")
