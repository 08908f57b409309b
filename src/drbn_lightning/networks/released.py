"""The released stage-1 weights: their parameter names, mapped to ours one by one."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

RELEASED_ARGUMENTS: dict[str, Any] = {"recursions": 4, "first_guess": "input"}
RELEASED_PREFIX = "recur"

_DENSE_BLOCKS = ("full_down", "half_down", "quarter_in", "quarter_out", "half_up", "full_up")
_LAYERS = {
    "SFENet1": "first",
    "SFENet2": "second",
    "Down1": "to_half",
    "Down2": "to_quarter",
    "Up2": "from_quarter",
    "Up1": "from_half",
    "UPNet.0": "full_head.0",
    "UPNet.1": "full_head.1",
    "UPNet2.0": "half_head.0",
    "UPNet2.1": "half_head.1",
    "UPNet4.0": "quarter_head.0",
    "UPNet4.1": "quarter_head.1",
}


def name_map(recursions: int = 4) -> dict[str, str]:
    """Released parameter names to those of `DRBN(recursions, share_weights=False)`.

    Example:
        >>> names = name_map()
        >>> len(names), names["recur2.RDBs.3.LFF.weight"]
        (336, 'blocks.1.quarter_out.fusion.weight')
    """
    layers = dict(_LAYERS)
    for number, block in enumerate(_DENSE_BLOCKS):
        layers[f"RDBs.{number}.LFF"] = f"{block}.fusion"
        layers |= {f"RDBs.{number}.convs.{i}.conv.0": f"{block}.layers.{i}" for i in range(4)}
    return {
        f"{RELEASED_PREFIX}{t + 1}.{theirs}.{kind}": f"blocks.{t}.{ours}.{kind}"
        for t in range(recursions)
        for theirs, ours in layers.items()
        for kind in ("weight", "bias")
    }


def is_released(state: Mapping[str, object]) -> bool:
    """Whether a state dict bears exactly the names of the released stage 1 (with or without `module.`)."""
    return {name.removeprefix("module.") for name in state} == set(name_map())


def import_released(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename a released stage-1 state dict.

    Args:
        state: tensors under the released names, with or without `module.` before them.

    Returns:
        A state dict for `DRBN(**RELEASED_ARGUMENTS)`.

    Raises:
        KeyError: a name is not one of the released network's.
    """
    names = name_map()
    return {names[name.removeprefix("module.")]: tensor for name, tensor in state.items()}
