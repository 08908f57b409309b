from pathlib import Path

import pytest
import torch
from torch import Tensor

from drbn_lightning.networks.global_batch import Part, draw, part_of, pooled
from tests.groups import in_group


def test_parts_of_a_batch() -> None:
    part = Part((3, 2, 2), 1)
    assert (part.total, part.start) == (7, 3)
    assert part.own([0, 3, 4, 6]) == [0, 1]
    assert part.at([0, 3, 4]) == Part((1, 2, 0), 1)
    assert sum(Part((3, 2, 2), rank).weight for rank in range(3)) == pytest.approx(3)


def test_a_single_process_has_everything() -> None:
    assert part_of(4) == Part((4,), 0)
    assert part_of(4).weight == 1.0
    values = torch.rand(4, requires_grad=True)
    assert pooled(values, part_of(4), gain=1) is values
    torch.manual_seed(1)
    drawn = draw(5)
    torch.manual_seed(1)
    assert torch.equal(drawn, torch.rand(5))


SIZES = (3, 1)


def of_the_whole_batch(rank: int) -> dict[str, Tensor]:
    torch.manual_seed(1)
    part = part_of(SIZES[rank])
    drawn = draw(SIZES[rank])
    own = drawn.clone().requires_grad_()
    values = pooled(own, part, gain=len(SIZES))
    torch.autograd.backward(values.square().mean())
    assert own.grad is not None
    empty = pooled(own[: SIZES[0] * (rank == 0)], Part((3, 0), rank), gain=1)
    return {"drawn": drawn, "values": values.detach(), "gradient": own.grad, "empty": empty.detach()}


@pytest.mark.slow
def test_two_processes_draw_and_see_what_one_does(tmp_path: Path) -> None:
    first, second = in_group(of_the_whole_batch, tmp_path)
    torch.manual_seed(1)
    alone = torch.rand(4, requires_grad=True)
    torch.autograd.backward(alone.square().mean())
    assert alone.grad is not None
    assert torch.equal(torch.cat([first["drawn"], second["drawn"]]), alone)
    assert torch.equal(first["values"], alone)
    assert torch.equal(second["values"], alone)
    torch.testing.assert_close(torch.cat([first["gradient"], second["gradient"]]) / 2, alone.grad)  # their mean
    assert torch.equal(second["empty"], alone[:3])
