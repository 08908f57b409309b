"""Which network a checkpoint holds: the name of its class and plain arguments, and whose classes are trusted."""

import importlib
import inspect
import os
from typing import Any, NamedTuple

from torch import nn

from drbn_lightning.errors import DRBNError

MODULES = "DRBN_MODULES"
"""The environment variable that names further packages, by commas, whose classes checkpoints may name."""

LARGEST = 1024
"""What a whole number in the description of a network of ours may be; a damaged one would be built for ever."""

_asked_for = {"drbn_lightning"}


class NetworkDescription(NamedTuple):
    """How to build a network: dotted name of its class and keyword arguments, numbers and strings only."""

    target: str
    arguments: dict[str, Any]

    def build(self) -> nn.Module:
        """Build the network, untrained.

        Raises:
            DRBNError: the class may not or cannot be imported, is no `nn.Module`, or does not take the arguments.
        """
        kind = self._class()
        large = [name for name, value in self.arguments.items() if isinstance(value, int) and value > LARGEST]
        if large and self.target.startswith("drbn_lightning."):
            raise DRBNError(
                f"{self.target} does not take the arguments of its checkpoint: {large[0]} is above {LARGEST}"
            )
        try:
            network: nn.Module = kind(**self.arguments)
        except Exception as error:  # whatever a constructor raises of arguments that nobody has checked
            raise DRBNError(f"{self.target} does not take the arguments of its checkpoint: {error}") from None
        return network

    def completed(self) -> "NetworkDescription":
        """With the constructor's defaults for arguments that are not named, as a checkpoint of before may lack some.

        Raises:
            DRBNError: the class may not or cannot be imported, or is no `nn.Module`.
        """
        parameters = inspect.signature(self._class()).parameters.values()
        defaults = {
            parameter.name: parameter.default
            for parameter in parameters
            if parameter.default is not inspect.Parameter.empty
        }
        return self._replace(arguments=defaults | self.arguments)

    def _class(self) -> type[nn.Module]:
        module, _, name = self.target.rpartition(".")
        package = module.partition(".")[0]
        if package and package not in _asked_for.union(os.environ.get(MODULES, "").split(",")):
            # To import a module runs it, and an artifact may come from anywhere.
            raise DRBNError(
                f"the network class {self.target} is not of this package, so it is not imported; where you trust "
                f"{package}, set the environment variable {MODULES}={package}"
            )
        try:
            kind = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError, ValueError, TypeError) as error:
            raise DRBNError(f"the network class {self.target} cannot be imported ({error}); install it first") from None
        if not (isinstance(kind, type) and issubclass(kind, nn.Module)):
            raise DRBNError(f"{self.target} is not a torch.nn.Module, so it is not built")
        return kind

    def trusted(self) -> "NetworkDescription":
        """The same: the user's own configuration names the class, so checkpoints of this process may, too."""
        _asked_for.add(self.target.partition(".")[0])
        return self
