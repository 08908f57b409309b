import math

import pytest
import torch
from torch import Tensor

from drbn_lightning.losses.adversarial import Criterion, LeastSquaresCriterion, LogCriterion

REAL, FAKE = torch.tensor([2.0, -1.0, 0.5]), torch.tensor([-3.0, 0.25])
BOTH = pytest.mark.parametrize("criterion", [LogCriterion(), LeastSquaresCriterion().eval()])


def test_the_logarithm_is_the_papers() -> None:
    criterion = LogCriterion()
    d_real, d_fake = REAL.double().sigmoid(), FAKE.double().sigmoid()
    expected = -d_real.log().mean() - (1 - d_fake).log().mean()
    assert criterion.discriminator_loss(REAL, FAKE).item() == pytest.approx(expected.item(), rel=1e-6)
    assert criterion.generator_loss(FAKE).item() == pytest.approx(-d_fake.log().mean().item(), rel=1e-6)


def test_the_logarithm_stands_certainty() -> None:
    criterion, sure = LogCriterion(), torch.tensor([200.0]).requires_grad_()
    assert criterion.discriminator_loss(sure, -sure).item() == 0
    assert criterion.discriminator_loss(-sure, sure).item() == pytest.approx(400)
    loss = criterion.generator_loss(-sure)
    assert loss.item() == pytest.approx(200)
    (gradient,) = torch.autograd.grad(loss, sure)
    assert gradient.item() == pytest.approx(1)  # does not saturate


def test_least_squares_are_the_released_codes_at_the_middle_of_the_labels() -> None:
    criterion = LeastSquaresCriterion().eval()
    expected = (REAL.sigmoid() - 0.95).square().mean() + (FAKE.sigmoid() - 0.15).square().mean()
    torch.testing.assert_close(criterion.discriminator_loss(REAL, FAKE), expected)
    torch.testing.assert_close(criterion.generator_loss(FAKE), (FAKE.sigmoid() - 1).square().mean())


def test_least_squares_draw_a_label_per_image_in_training() -> None:
    criterion = LeastSquaresCriterion()
    torch.manual_seed(5)
    result = criterion.discriminator_loss(REAL, FAKE)
    torch.manual_seed(5)
    real, fake = 0.7 + 0.5 * torch.rand(3), 0.3 * torch.rand(2)
    expected = (REAL.sigmoid() - real).square().mean() + (FAKE.sigmoid() - fake).square().mean()
    torch.testing.assert_close(result, expected)
    assert criterion.discriminator_loss(REAL, FAKE) != result


def test_labels_stay_in_their_ranges() -> None:
    criterion, certain = LeastSquaresCriterion(), torch.full((10_000,), -1e4)  # D is 0: the distance is the label
    losses = [criterion.discriminator_loss(certain, certain).item() for _ in range(3)]
    mean = (1.2**3 - 0.7**3) / (3 * 0.5) + 0.3**2 / 3  # of the squares of both labels
    assert losses == pytest.approx([mean] * 3, rel=0.02)


def test_the_generator_draws_nothing() -> None:
    state = torch.get_rng_state()
    LeastSquaresCriterion().generator_loss(FAKE)
    LeastSquaresCriterion().eval().discriminator_loss(REAL, FAKE)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("target", [0.5, 0.9])
def test_the_generators_target(target: float) -> None:
    at_target = torch.tensor([math.log(target / (1 - target))])
    assert LeastSquaresCriterion(generator_target=target).generator_loss(at_target).item() == pytest.approx(
        0, abs=1e-10
    )


def slope(loss: Tensor, logits: Tensor) -> Tensor:
    (gradient,) = torch.autograd.grad(loss, logits)
    return gradient


@BOTH
def test_gradients_point_the_right_way(criterion: Criterion) -> None:
    real, fake = torch.zeros(3, requires_grad=True), torch.zeros(2, requires_grad=True)
    assert (slope(criterion.discriminator_loss(real, fake), real) < 0).all()
    assert (slope(criterion.discriminator_loss(real, fake), fake) > 0).all()
    assert (slope(criterion.generator_loss(fake), fake) < 0).all()


@BOTH
def test_losses_are_float32_scalars(criterion: Criterion) -> None:
    for loss in (criterion.discriminator_loss(REAL.bfloat16(), FAKE.bfloat16()), criterion.generator_loss(FAKE.half())):
        assert loss.shape == ()
        assert loss.dtype == torch.float32


@BOTH
def test_a_batch_twice_as_large_costs_the_same(criterion: Criterion) -> None:
    twice = criterion.discriminator_loss(REAL.repeat(2), FAKE)
    torch.testing.assert_close(twice, criterion.discriminator_loss(REAL, FAKE))


@pytest.mark.parametrize("kind", ["real", "fake"])
def test_refuses_an_empty_range(kind: str) -> None:
    with pytest.raises(ValueError, match=rf"criterion\.lowest_{kind}.*2\.0.*criterion\.highest_{kind}.*1\.0"):
        LeastSquaresCriterion(**{f"lowest_{kind}": 2.0, f"highest_{kind}": 1.0})
