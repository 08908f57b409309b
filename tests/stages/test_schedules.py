import pytest
import torch

from drbn_lightning.stages.schedules import ConstantWithCooldown, Halving


def schedule(total: int = 20, warmup: int = 4, cooldown: int = 5) -> ConstantWithCooldown:
    optimizer = torch.optim.SGD([{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": lr} for lr in (1.0, 0.5)])
    return ConstantWithCooldown(optimizer, total, warmup, cooldown)


def rates(made: ConstantWithCooldown, steps: int) -> list[float]:
    values = []
    for _ in range(steps):
        values.append(made.optimizer.param_groups[0]["lr"])
        made.optimizer.step()
        made.step()
    return values


def test_it_rises_stays_and_falls_to_almost_nothing() -> None:
    values = rates(schedule(), 20)
    assert values[:4] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert values[4:15] == [1.0] * 11
    assert values[15:] == pytest.approx([1 - (n / 6) ** 0.5 for n in range(1, 6)])


def test_every_group_keeps_its_own_rate() -> None:
    made = schedule(warmup=0, cooldown=0)
    assert made.get_last_lr() == [1.0, 0.5]


def test_a_checkpoint_of_a_constant_run_goes_on_into_a_cooldown() -> None:
    before = schedule(total=1000, cooldown=0)
    rates(before, 10)
    after = schedule(total=15, cooldown=5)
    after.load_state_dict(before.state_dict())
    assert (after.total_steps, after.cooldown_steps, after.last_epoch) == (15, 5, 10)
    assert rates(after, 6)[1:] == pytest.approx([1 - (n / 6) ** 0.5 for n in range(2, 6)] + [0.0])


@pytest.mark.parametrize("wrong", [{"warmup": -1}, {"cooldown": -1}])
def test_refuses_steps_that_do_not_fit(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="cooldown"):
        schedule(**wrong)


def test_halving_halves_after_its_epochs_and_leaves_a_constant_group_alone() -> None:
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 1.0, "constant": constant} for constant in (0, 1)]
    made = Halving(torch.optim.SGD(groups), after=2)
    found = []
    for _ in range(4):
        found.append([group["lr"] for group in made.optimizer.param_groups])
        made.optimizer.step()
        made.step()
    assert found == [[1, 1], [1, 1], [0.5, 1], [0.5, 1]]
    with pytest.raises(ValueError, match="after=-1"):
        Halving(torch.optim.SGD(groups), after=-1)


def test_a_run_that_is_shorter_than_its_cooldown_is_all_cooldown() -> None:
    assert rates(schedule(total=4, warmup=0, cooldown=100), 4) == pytest.approx(
        [1 - (n / 5) ** 0.5 for n in range(1, 5)]
    )
