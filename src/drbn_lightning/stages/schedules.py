"""Learning-rate schedules that torch does not have."""

import math
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler


class ConstantWithCooldown(LRScheduler):
    """A short warm-up, then a constant rate for as long as one likes, and a cool-down to nothing at the end.

    Unlike a cosine, it does not have to know the run's length at its start: a training can go on at the constant rate
    for days, and at any hour a resumed run takes the cool-down (`cooldown` in `conf/train.yaml`). Source: Haegele et
    al., "Scaling laws and compute-optimal training beyond fixed training durations", 2024, whose cool-down falls as one
    minus the square root.
    """

    def __init__(
        self, optimizer: Optimizer, total_steps: float, warmup_steps: int = 200, cooldown_steps: int = 0
    ) -> None:
        """Set the schedule up.

        Args:
            optimizer: whose learning rates it sets.
            total_steps: length of the run in steps; infinite where nobody knows.
            warmup_steps: steps in which the rate rises to its value.
            cooldown_steps: steps at the run's end in which the rate falls to nothing; 0 for none. A shorter run is all
                cool-down, so that a smoke run of a long training's command runs.

        Raises:
            ValueError: a number of steps is negative.
        """
        if min(warmup_steps, cooldown_steps) < 0:
            raise ValueError(
                f"the schedule has warmup_steps={warmup_steps} and cooldown={cooldown_steps}; neither may be negative"
            )
        self.total_steps, self.warmup_steps = total_steps, warmup_steps
        self.cooldown_steps = min(cooldown_steps, total_steps)
        super().__init__(optimizer)

    def get_lr(self) -> list[float]:  # type: ignore[override]  # rates are numbers here, never tensors
        """The rates of the next step."""
        factor = self.factor(self.last_epoch)
        return [factor * float(base) for base in self.base_lrs]

    def factor(self, step: int) -> float:
        """Share of the rate in a step, from 0, in [0, 1]."""
        rising = min(1.0, (step + 1) / (self.warmup_steps + 1))
        begin = self.total_steps - self.cooldown_steps
        if not self.cooldown_steps or step < begin:
            return rising
        passed = min(1.0, (step - begin + 1) / (self.cooldown_steps + 1))
        return rising * (1 - math.sqrt(passed))

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where a checkpoint stopped; the run's length and its cool-down are those of the present run."""
        own = {name: getattr(self, name) for name in ("total_steps", "warmup_steps", "cooldown_steps")}
        super().load_state_dict(state_dict | own)


class Halving(LRScheduler):
    """Half the rate after a number of epochs; a group of parameters with `constant` set keeps its own.

    Source: paper, stage 1; released code, both stages, whose discriminator goes on at one rate.
    """

    def __init__(self, optimizer: Optimizer, after: int) -> None:
        """Set the schedule up.

        Args:
            optimizer: whose learning rates it sets.
            after: epochs (or steps, see `Stage`) at the full rate.

        Raises:
            ValueError: `after` is negative.
        """
        if after < 0:
            raise ValueError(f"the schedule has after={after}; it cannot be negative")
        self.after = after
        super().__init__(optimizer)

    def get_lr(self) -> list[float]:  # type: ignore[override]  # rates are numbers here, never tensors
        """The rates of the next epoch."""
        factor = 0.5 if self.last_epoch >= self.after else 1.0
        groups = zip(self.base_lrs, self.optimizer.param_groups, strict=True)
        return [float(base) * (1.0 if group.get("constant") else factor) for base, group in groups]
