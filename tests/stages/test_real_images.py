import pytest
import torch

from drbn_lightning.batches import PairBatch, UnpairedBatch
from drbn_lightning.errors import DRBNError
from drbn_lightning.stages.real_images import checked, chosen

PHOTOS, TARGETS = torch.rand(2, 3, 4, 4), torch.rand(3, 3, 4, 4)
UNPAIRED = UnpairedBatch(PHOTOS, None, None, None)
PAIRS = PairBatch(TARGETS, TARGETS, torch.rand(3), ["a", "b", "c"])


@pytest.mark.parametrize(
    ("wanted", "found"), [("photos", [PHOTOS]), ("targets", [TARGETS]), ("both", [PHOTOS, TARGETS])]
)
def test_gives_what_is_wanted(wanted: str, found: list[torch.Tensor]) -> None:
    images = chosen(checked(wanted), UNPAIRED, PAIRS)  # type: ignore[arg-type]  # one of the three
    assert [id(image) for image in images] == [id(image) for image in found]


@pytest.mark.parametrize("wanted", ["targets", "both"])
def test_targets_need_pairs(wanted: str) -> None:
    with pytest.raises(DRBNError, match=rf"stage\.real_images={wanted}"):
        chosen(checked(wanted), UNPAIRED, None)  # type: ignore[arg-type]  # one of the three


def test_an_unknown_choice_is_refused() -> None:
    with pytest.raises(ValueError, match=r"stage\.real_images .*'all'.*'photos', 'targets' or 'both'"):
        checked("all")  # type: ignore[arg-type]  # that is the mistake
