"""Starting a training from given weights: fine-tuning."""

from pathlib import Path
from typing import Any, NamedTuple

from torch import nn

from drbn_lightning.checkpoints.artifact import identity, load
from drbn_lightning.errors import DRBNError, named


class Initial(NamedTuple):
    """Where a training started: `provenance` in plain values, and fingerprints of what those weights have seen."""

    provenance: dict[str, Any]
    trained_on: list[dict[str, Any]]


def start_from(network: nn.Module, path: Path | str, stage: str, *, partial: bool = False) -> Initial:
    """Fill a network with the weights of a checkpoint.

    Args:
        network: of the same kind as the checkpoint's.
        path: an artifact or Lightning checkpoint of ours, or official weights.
        stage: the stage that must have made it.
        partial: leave what only one of both networks has: a learned first guess starts anew in a network that had none.

    Raises:
        DRBNError: the checkpoint is missing or of another stage, or the networks differ (with `partial`: in the shape
            of a tensor that both have, or in all names).
    """
    artifact = load(path, stage)
    own, stored = network.state_dict(), artifact.network.state_dict()
    other = [name for name in own.keys() & stored.keys() if own[name].shape != stored[name].shape]
    if other or (partial and not own.keys() & stored.keys()):
        raise DRBNError(f"init={path} holds a network of other sizes{_named(other)}; set the keys of network as it did")
    missing, extra = sorted(own.keys() - stored.keys()), sorted(stored.keys() - own.keys())
    if (missing or extra) and not partial:
        differences = f"it lacks {len(missing)} tensors{_named(missing)} and has {len(extra)} others{_named(extra)}"
        raise DRBNError(f"init={path} holds another network: {differences}; or start from what fits: init_partial=true")
    network.load_state_dict({name: value for name, value in stored.items() if name in own}, strict=False)
    source = artifact.provenance.get("source")
    origin = {"identity": identity(artifact.network), "source": source, "left_at_start": missing, "left_out": extra}
    return Initial({name: value for name, value in origin.items() if value}, artifact.trained_on)


def _named(names: list[str]) -> str:
    return f" ({named(sorted(names))})" if names else ""
