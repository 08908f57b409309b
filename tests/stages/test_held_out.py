import torch

from drbn_lightning.stages.held_out import KINDS, HeldOutRatings, as_good_and_as_bad, sides

NAN = float("nan")


def test_photos_are_collected_over_batches() -> None:
    ratings = HeldOutRatings()
    ratings.update(torch.tensor([1.0, 2.0]), torch.tensor([9.0, NAN]), ["high", "real_low"])
    ratings.update(torch.tensor([3.0]), torch.tensor([4.0]), ["unseen"])
    logits, mos, kinds = ratings.compute()
    assert logits.tolist() == [1, 2, 3]
    assert mos.isnan().tolist() == [False, True, False]
    assert [KINDS[int(kind)] for kind in kinds] == ["high", "real_low", "unseen"]
    assert [side.tolist() for side in sides(kinds)] == [[True, False, False], [False] * 3, [False, True, False]]


def test_limits_of_good_and_bad_are_those_of_the_photos_chosen_by_score() -> None:
    mos, high = torch.tensor([7.0, 8.0, 3.0, 4.0, 5.0, NAN]), torch.tensor([True, True, False, False, False, False])
    low = torch.tensor([False, False, True, True, False, False])
    good, bad = as_good_and_as_bad(mos, high, low)
    assert good.tolist() == [True, True, False, False, False, False]
    assert bad.tolist() == [False, False, True, True, False, False]
    good, bad = as_good_and_as_bad(mos, ~high & False, low & False)
    assert not good.any()
    assert not bad.any()
