import pytest
import torch

from drbn_lightning.losses.ranking import ranking_loss

NAN = float("nan")


def test_it_is_the_weighted_mean_over_pairs() -> None:
    logits, scores = torch.tensor([1.0, 0.0, 2.0]), torch.tensor([8.0, 2.0, 5.0])
    differences = {1.0: 6, -1.0: 3, 2.0: 3}  # of logits, and of scores, of the pairs 0 1, 0 2 and 2 1
    expected = sum(weight * torch.tensor(-d).exp().log1p() for d, weight in differences.items()) / 12
    torch.testing.assert_close(ranking_loss(logits, scores), expected)


def test_equal_and_unknown_scores_count_in_no_pair() -> None:
    logits, scores = torch.tensor([1.0, 0.0, 2.0, 7.0]), torch.tensor([8.0, 2.0, 8.0, NAN])
    few = (ranking_loss(logits[:2], scores[:2]) + ranking_loss(logits[1:3], scores[1:3])) / 2
    torch.testing.assert_close(ranking_loss(logits, scores), few)
    assert ranking_loss(logits[::2], scores[::2]).isnan()


def test_steps_down_its_gradient_order_the_logits() -> None:
    scores = torch.tensor([3.0, 9.0, 5.0, 1.0, NAN])
    logits = torch.zeros(5, requires_grad=True)
    optimizer = torch.optim.SGD([logits], lr=1.0)
    for _ in range(20):
        optimizer.zero_grad()
        torch.autograd.backward([ranking_loss(logits, scores)])
        optimizer.step()
    assert logits[:4].argsort().tolist() == scores[:4].argsort().tolist()
    assert logits[4] == 0
    assert pytest.approx(0, abs=1e-5) == logits.sum().item()
