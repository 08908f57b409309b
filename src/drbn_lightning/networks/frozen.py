"""Networks that stand still: one that nobody trains, and one whose parameters rest during a forward pass."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

from torch import Tensor, nn


class Frozen(nn.Module):
    """Holds a network that nobody trains: always in evaluation mode, and out of sight of what looks for modules.

    Its tensors are in no `parameters()`, no `state_dict()` and no optimizer, and `train()` does not reach them; they
    do follow to another device or type. Gradients still flow through it to its input. A deep copy is the same
    object, so that weight averaging keeps no second network; hence a copy must stay on the device of the original.

    Example:
        >>> loss = nn.Sequential(Frozen(nn.Linear(2, 1)))
        >>> list(loss.parameters()), list(loss.state_dict())
        ([], [])
    """

    network: nn.Module

    def __init__(self, network: nn.Module) -> None:
        """Freeze `network` itself, and not a copy of it."""
        super().__init__()
        # Past nn.Module, which would register it.
        object.__setattr__(self, "network", network.eval().requires_grad_(False))

    def forward(self, *inputs: object, **options: object) -> Any:  # noqa: ANN401 whatever the network gives
        """What the network gives."""
        return self.network(*inputs, **options)

    def extra_repr(self) -> str:
        """The network's class, for `print`."""
        return type(self.network).__name__

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        if recurse:
            self.network._apply(fn)  # type: ignore[no-untyped-call]
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


@contextmanager
def without_parameter_gradients(module: nn.Module) -> Iterator[None]:
    """Run a forward pass of `module` through which autograd reaches its input, but not its parameters.

    The graph remembers this: `backward` may come after the block. Each parameter has its own flag back afterwards.

    Example:
        >>> import torch
        >>> layer, x = nn.Linear(2, 1), torch.ones(1, 2, requires_grad=True)
        >>> with without_parameter_gradients(layer):
        ...     y = layer(x)
        >>> y.sum().backward()
        >>> x.grad is None, layer.weight.grad is None, layer.weight.requires_grad
        (False, True, True)
    """
    flags = [(parameter, parameter.requires_grad) for parameter in module.parameters()]
    try:
        for parameter, _ in flags:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter, flag in flags:
            parameter.requires_grad_(flag)
