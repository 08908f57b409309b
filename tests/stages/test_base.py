from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from drbn_lightning.networks.synchronised import SynchronisedBatchNorm
from drbn_lightning.stages.base import Stage


def stage(**changes: Any) -> Stage:  # noqa: ANN401 of the stage
    arguments: dict[str, Any] = {"network": nn.Conv2d(3, 4, 3), "optimizer": partial(torch.optim.SGD, lr=0.5)}
    return Stage(**(arguments | changes))


class Trainer:
    """What a stage asks of Lightning's."""

    estimated_stepping_batches = 40
    world_size = 1


def configured(made: Stage) -> Any:  # noqa: ANN401 Lightning's
    made._trainer = Trainer()  # type: ignore[assignment]  # what is asked of it
    return made.configure_optimizers()


def test_an_optimizer_is_needed() -> None:
    with pytest.raises(ValueError, match=r"stage\.optimizer"):
        stage(optimizer=None)


def test_without_a_schedule_the_optimizer_is_all() -> None:
    optimizers = configured(stage())
    assert isinstance(optimizers, torch.optim.SGD)
    assert optimizers.param_groups[0]["lr"] == 0.5


def test_a_schedule_is_told_the_length_of_the_run_and_the_rates() -> None:
    optimizers = configured(stage(scheduler=partial(torch.optim.lr_scheduler.OneCycleLR, pct_start=0.3)))
    schedule = optimizers["lr_scheduler"]["scheduler"]
    assert schedule.total_steps == 40
    assert schedule.optimizer.param_groups[0]["max_lr"] == 0.5
    assert optimizers["lr_scheduler"]["interval"] == "step"


def test_a_schedule_that_counts_epochs_is_left_as_it_is() -> None:
    steps = partial(torch.optim.lr_scheduler.StepLR, step_size=3)
    optimizers = configured(stage(scheduler=steps, scheduler_interval="epoch"))
    assert optimizers["lr_scheduler"]["interval"] == "epoch"
    assert optimizers["lr_scheduler"]["scheduler"].step_size == 3


@pytest.mark.parametrize("last", [False, True])
def test_images_come_in_the_memory_order_of_the_network(last: bool) -> None:
    made = stage(channels_last=last)
    image = torch.rand(2, 3, 6, 8)
    assert made.ordered(image).is_contiguous(memory_format=torch.channels_last) == last
    assert torch.equal(made.ordered(image), image)


def test_what_a_step_draws_follows_from_seed_epoch_and_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PL_GLOBAL_SEED", "3")
    made, drawn = stage(), []
    for step in (0, 1, 0):
        made.on_train_batch_start(None, step)
        drawn.append(torch.rand(4))
    assert torch.equal(drawn[0], drawn[2])
    assert not torch.equal(drawn[0], drawn[1])


@pytest.mark.parametrize(("world_size", "synchronised"), [(1, False), (2, True)])
def test_batch_norm_is_that_of_all_processes(world_size: int, synchronised: bool) -> None:
    made = stage(network=nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)))
    made._trainer = Trainer()  # type: ignore[assignment]  # what is asked of it
    made._trainer.world_size = world_size  # type: ignore[misc,union-attr]  # what is asked of it
    made.setup("fit")
    assert isinstance(made.network[1], SynchronisedBatchNorm) is synchronised  # type: ignore[index]
