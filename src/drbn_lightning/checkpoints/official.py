"""The official weights of both stages: their parameter names, mapped to ours one by one."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import Tensor

RELEASED_ARGUMENTS: dict[str, Any] = {"recursions": 4, "first_guess": "input"}
RELEASED_RECOMPOSER_ARGUMENTS: dict[str, Any] = {"guided": True, "weight_scale": 0.8, "weight_offset": 0.6}
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
_RECOMPOSER_LAYERS = {
    "SFENet1": "first",
    "SFENet2": "second",
    "GFF.0": "fusion.0",
    "GFF.1": "fusion.1",
    "UPNet": "head.0",
    "UPNet2": "head.1",
}


class OfficialNetwork(NamedTuple):
    """An official network: its stage, and class and arguments of ours that take its weights."""

    title: str
    stage: str
    target: str
    arguments: dict[str, Any]


STAGE_1 = OfficialNetwork("stage-1", "band", "drbn_lightning.networks.drbn.DRBN", RELEASED_ARGUMENTS)
STAGE_2 = OfficialNetwork(
    "stage-2",
    "recompose",
    "drbn_lightning.networks.recomposition.FlatRecomposer",
    RELEASED_RECOMPOSER_ARGUMENTS,
)


def name_map(recursions: int = 4) -> dict[str, str]:
    """Released parameter names to those of `DRBN(recursions, share_weights=False)`.

    Example:
        >>> names = name_map()
        >>> len(names), names["recur2.RDBs.3.LFF.weight"]
        (336, 'blocks.1.quarter_out.fusion.weight')
    """
    layers = dict(_LAYERS)
    for number, block in enumerate(_DENSE_BLOCKS):
        layers |= _dense_block(number, block)
    return {
        f"{RELEASED_PREFIX}{t + 1}.{theirs}.{kind}": f"blocks.{t}.{ours}.{kind}"
        for t in range(recursions)
        for theirs, ours in layers.items()
        for kind in ("weight", "bias")
    }


def recomposer_name_map() -> dict[str, str]:
    """Released parameter names to those of `FlatRecomposer`.

    Example:
        >>> names = recomposer_name_map()
        >>> len(names), names["RDBs.0.LFF.weight"]
        (22, 'block.fusion.weight')
    """
    layers = _RECOMPOSER_LAYERS | _dense_block(0, "block")
    return {f"{theirs}.{kind}": f"{ours}.{kind}" for theirs, ours in layers.items() for kind in ("weight", "bias")}


def recognise(state: Mapping[str, object]) -> OfficialNetwork | None:
    """The official network whose names a state dict bears exactly (with or without `module.`), if any."""
    names = {name.removeprefix("module.") for name in state}
    if names == set(name_map()):
        return STAGE_1
    return STAGE_2 if names == set(recomposer_name_map()) else None


def import_official(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename an official state dict.

    Args:
        state: tensors under the official names of either stage, with or without `module.` before them.

    Returns:
        A state dict for `DRBN(**RELEASED_ARGUMENTS)` or `FlatRecomposer(**RELEASED_RECOMPOSER_ARGUMENTS)`.

    Raises:
        KeyError: a name is not one of the official networks'.
    """
    names = name_map() | recomposer_name_map()  # no name is in both
    return {names[name.removeprefix("module.")]: tensor for name, tensor in state.items()}


def _dense_block(number: int, name: str) -> dict[str, str]:
    """Released layer names of a dense block to ours."""
    layers = {f"RDBs.{number}.convs.{i}.conv.0": f"{name}.layers.{i}" for i in range(4)}
    return {f"RDBs.{number}.LFF": f"{name}.fusion", **layers}
