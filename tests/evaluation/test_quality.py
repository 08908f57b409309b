import csv
import io
import math

import pytest
import torch
from torch import Tensor, nn

from drbn_lightning.baselines.catalog import input_method
from drbn_lightning.baselines.gamma import gamma_method
from drbn_lightning.batches import PhotoBatch
from drbn_lightning.evaluation.quality import (
    PhotoScore,
    Ratings,
    as_csv,
    difference,
    rate,
    ratings_auroc,
    ratings_table,
    score_ratings,
    table,
)
from drbn_lightning.metrics.bootstrap import paired
from drbn_lightning.metrics.pixels import to_8_bit

CPU = torch.device("cpu")


class LikesLight(nn.Module):
    """A discriminator that likes bright images, and whatever comes in training mode."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(10.0))

    def forward(self, image: Tensor) -> Tensor:
        return self.gain * (image.mean(dim=(1, 2, 3)) - 0.5) + (100 if self.training else 0)


def photo(seed: int, kind: str = "real_low", mos: float = math.nan, height: int = 12, width: int = 16) -> PhotoBatch:
    image = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed)) ** 2
    return PhotoBatch(image, image.mean().view(1), torch.tensor([mos]), [kind], [f"{seed}.jpg"])


def scores_of(**methods: list[float]) -> list[PhotoScore]:
    return [PhotoScore(f"p{n}", name, q, 0.25) for name, own in methods.items() for n, q in enumerate(own)]


def test_every_method_is_scored_on_every_low_light_photo() -> None:
    batches = [photo(0), photo(1, "high", 7.0), photo(2, height=9, width=7), photo(3, "low", 3.0)]
    methods = {
        "input": input_method,
        "half": gamma_method(0.5),
        "band": lambda low, mean: low + mean[:, None, None, None],
    }
    rated = list(rate(methods, batches, LikesLight().train(), CPU))
    assert [one.batch.name for one in rated] == [["0.jpg"], ["2.jpg"]]
    for one, given in zip(rated, (batches[0], batches[2]), strict=True):
        expected = {"input": given.photo, "half": given.photo**0.5, "band": given.photo + given.photo.mean()}
        assert [score.method for score in one.scores] == list(one.results) == list(methods)
        for score in one.scores:
            result = to_8_bit(expected[score.method])
            assert torch.equal(one.results[score.method], result[0])
            assert score.image == given.name[0]
            assert score.brightness == pytest.approx(result.mean().item())
            assert score.quality == pytest.approx(10 * (result.mean().item() - 0.5), abs=1e-5)


def test_results_are_scored_as_a_person_would_see_them() -> None:
    (rated,) = rate({"wild": lambda low, mean: 3 * low - 1}, [photo(0)], LikesLight(), CPU)
    assert rated.scores[0].brightness == to_8_bit(3 * photo(0).photo - 1).mean().item()
    assert not rated.results["wild"].requires_grad
    assert torch.equal((rated.results["wild"] * 255).round() / 255, rated.results["wild"])


def test_photos_are_scored_as_they_are_asked_for() -> None:
    photos = iter([photo(0), photo(1)])
    next(rate({"input": input_method}, photos, LikesLight(), CPU))
    assert next(photos).name == ["1.jpg"]


def test_several_photos_at_once_are_refused() -> None:
    two = PhotoBatch(torch.rand(2, 3, 8, 8), torch.rand(2), torch.rand(2), ["real_low"] * 2, ["a", "b"])
    with pytest.raises(RuntimeError):
        list(rate({"input": input_method}, [two], LikesLight(), CPU))


def test_the_table_has_means_and_paired_differences() -> None:
    scores = scores_of(input=[-1.0, -3.0, -2.0], band=[0.0, -1.0, 1.0], recompose=[0.5, 0.0, 1.0])
    lines = table(scores).splitlines()
    assert [line.split() for line in lines[:4]] == [
        ["method", "photos", "quality", "p(high)", "brightness"],
        ["input", "3", "-2.000", "0.1452", "0.2500"],
        ["band", "3", "0.000", "0.5000", "0.2500"],
        ["recompose", "3", "0.500", "0.6178", "0.2500"],
    ]
    assert len({len(line) for line in lines[:4]}) == 1
    difference = paired([0.0, -1.0, 1.0], [0.5, 0.0, 1.0])
    assert lines[4].startswith("band - input: +2.000 [")
    assert lines[5] == (
        f"recompose - band: +0.500 [{difference.low:.3f}, {difference.high:.3f}] (3 photos, paired bootstrap, 95 %)"
    )


def test_the_share_that_is_liked_is_the_mean_of_probabilities() -> None:
    line = table(scores_of(band=[-4.0, 4.0, 8.0])).splitlines()[1]
    mean = sum(1 / (1 + math.exp(-value)) for value in (-4.0, 4.0, 8.0)) / 3
    assert line.split()[3] == f"{mean:.4f}"


def test_a_table_of_one_method_has_no_difference_and_one_of_none_no_row() -> None:
    assert len(table(scores_of(band=[1.0, 2.0])).splitlines()) == 2
    assert len(table([]).splitlines()) == 1


def test_a_difference_counts_the_photos_that_have_one() -> None:
    scores = scores_of(input=[0.0, math.nan, 1.0], band=[-1.0, 0.0, 0.0])
    assert difference(scores[:3], scores[3:]) == (
        "band - input: -1.000 [-1.000, -1.000] (2 photos, paired bootstrap, 95 %)"
    )
    assert "[nan, nan] (1 photos" in difference(scores[:1], scores[3:4])


def test_methods_must_have_seen_the_same_photos() -> None:
    scores = scores_of(input=[0.0, 1.0], band=[1.0, 2.0])
    with pytest.raises(ValueError, match="input and band"):
        table(scores[:-1])
    with pytest.raises(ValueError, match="input and band"):
        difference(scores[:2], scores[:1:-1])


def test_csv_has_a_row_for_each_photo_and_method() -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv([*scores_of(band=[0.5]), PhotoScore("a, b", "input", -2.0, 1.0)]))))
    assert rows == [
        {"image": "p0", "method": "band", "quality": "0.50000", "brightness": "0.25000"},
        {"image": "a, b", "method": "input", "quality": "-2.00000", "brightness": "1.00000"},
    ]


def test_rated_photos_are_scored_as_they_are() -> None:
    batches = [photo(0, "high", 7.0), photo(1), photo(2, "middle", 5.0, 9, 7), photo(3, "low", 3.0), photo(4, "high")]
    ratings = score_ratings(batches, LikesLight().train(), CPU)
    assert ratings.kinds == ["high", "middle", "low", "high"]
    assert ratings.mos.tolist() == pytest.approx([7.0, 5.0, 3.0, math.nan], nan_ok=True)
    expected = [10 * (batches[n].photo.mean().item() - 0.5) for n in (0, 2, 3, 4)]
    assert ratings.scores.tolist() == pytest.approx(expected, abs=1e-5)


def test_a_batch_of_several_kinds_is_scored_row_for_row() -> None:
    single = [photo(0, "high", 7.0), photo(1), photo(2, "low", 3.0)]
    both = PhotoBatch(
        torch.cat([one.photo for one in single]),
        torch.cat([one.thumbnail for one in single]),
        torch.cat([one.mos for one in single]),
        ["high", "real_low", "low"],
        ["0.jpg", "1.jpg", "2.jpg"],
    )
    one, other = (score_ratings(batches, LikesLight(), CPU) for batches in (single, [both]))
    assert one.kinds == other.kinds == ["high", "low"]
    assert torch.allclose(one.scores, other.scores)
    assert torch.equal(one.mos, other.mos)


def test_the_ratings_table_counts_kinds_and_measures_agreement() -> None:
    ratings = Ratings(
        torch.tensor([90.0, 70.0, 80.0, -50.0, 5.0]),
        torch.tensor([7.0, 8.0, 3.0, 2.0, math.nan]),
        ["high", "high", "low", "low", "high"],
    )
    lines = ratings_table(ratings).splitlines()
    assert [line.split() for line in lines[:4]] == [
        ["kind", "photos", "quality", "MOS"],
        ["high", "3", "55.000", "7.50"],
        ["middle", "0", "nan", "nan"],
        ["low", "2", "15.000", "2.50"],
    ]
    assert ratings_auroc(ratings) == pytest.approx(4 / 6)
    assert lines[4] == "AUROC, high against low: 0.6667"  # 4 of 6 pairs are in order
    assert lines[5] == "Spearman, quality with MOS: 0.4000 (4 photos)"


def test_no_rated_photo_gives_a_table_without_figures() -> None:
    ratings = score_ratings([photo(0)], LikesLight(), CPU)
    assert ratings.kinds == []
    assert math.isnan(ratings_auroc(ratings))
    assert ratings_table(ratings).splitlines()[-2:] == [
        "AUROC, high against low: nan",
        "Spearman, quality with MOS: nan (0 photos)",
    ]


def test_photos_spoilt_in_ways_never_seen_count_by_themselves() -> None:
    kinds = ["high", "low", "unseen", "unseen", "unseen"]
    ratings = Ratings(torch.tensor([2.0, 1, 0, 3, 5]), torch.tensor([9.0, 2, 9, 5, 1]), kinds)
    lines = ratings_table(ratings).splitlines()
    assert lines[4].split() == ["unseen", "3", "2.667", "5.00"]
    assert lines[-3] == "AUROC, high against low: 1.0000"
    assert lines[-2] == "Spearman, quality with MOS: 1.0000 (2 photos)"
    assert lines[-1] == "Spearman, on photos spoilt in ways that training never showed: -1.0000 (3 photos)"
    assert "unseen" not in ratings_table(Ratings(ratings.scores[:2], ratings.mos[:2], kinds[:2]))
