"""Whole enhancement networks from checkpoints: stage 1 by itself, or stage 2 over its own stage 1."""

from pathlib import Path
from typing import Any, NamedTuple

from torch import nn

from drbn_lightning.checkpoints.artifact import Artifact, identity, load
from drbn_lightning.errors import DRBNError
from drbn_lightning.networks.recomposition import BandRecomposition


class EnhancementModel(NamedTuple):
    """A network that maps `(low, thumbnail)` to `Bands`, and the artifacts that it consists of, by stage."""

    stage: str
    network: nn.Module
    parts: dict[str, Artifact]

    @property
    def trained_on(self) -> list[dict[str, Any]]:
        """Fingerprints of all data sets that any part has seen, each once."""
        fingerprints = [fingerprint for part in self.parts.values() for fingerprint in part.trained_on]
        return [
            fingerprint for number, fingerprint in enumerate(fingerprints) if fingerprint not in fingerprints[:number]
        ]

    @property
    def overlap(self) -> int | None:
        """By how many pixels tiles of it must overlap, where that was measured."""
        return self.parts[self.stage].overlap


def load_model(path: Path | str, band: Path | str | None = None) -> EnhancementModel:
    """Read an enhancement network.

    Args:
        path: a checkpoint of `stage=band` or `stage=recompose`, or official weights.
        band: the stage 1 of a stage-2 checkpoint; by default the one that it was trained on, where it was then, or
            `band.pt` beside `path`.

    Raises:
        DRBNError: the checkpoint is of another stage, or its stage 1 cannot be found or is another one.
    """
    return model_of(load(path), Path(path), band)


def model_of(artifact: Artifact, path: Path, band: Path | str | None = None) -> EnhancementModel:
    """An enhancement network whose last stage has been read from `path`; the rest as `load_model` has it."""
    if artifact.stage == "band":
        return EnhancementModel("band", artifact.network, {"band": artifact})
    if artifact.stage != "recompose":
        raise DRBNError(f"{path} is a checkpoint of stage={artifact.stage}, which enhances no images")
    first = _stage_1(path, artifact, None if band is None else Path(band))
    network = BandRecomposition(first.network, artifact.network).eval()
    return EnhancementModel("recompose", network, {"band": first, "recompose": artifact})


def of_stage(model: EnhancementModel, stage: str | None, source: Path | str) -> EnhancementModel:
    """The network up to a stage: stage 1 can be had out of both.

    Raises:
        DRBNError: the network, which was read from `source`, does not have that stage.
    """
    if stage in (None, model.stage):
        return model
    if stage == "band" and stage in model.parts:
        return EnhancementModel(stage, model.parts[stage].network, {stage: model.parts[stage]})
    raise DRBNError(f"{source} is a checkpoint of stage={model.stage}, and stage={stage} is asked for; choose another")


def _stage_1(path: Path, artifact: Artifact, chosen: Path | None) -> Artifact:
    """The stage 1 that a stage 2 was trained on."""
    needed = artifact.needs.get("band", {})
    places = [chosen] if chosen else [Path(place) for place in (needed.get("path"), path.parent / "band.pt") if place]
    wanted = needed.get("identity")
    for place in places:
        if chosen or place.is_file():
            stage_1 = load(place, "band")
            if wanted in (None, identity(stage_1.network)):
                return stage_1
    where = " or ".join(map(str, places)) or "nothing"
    raise DRBNError(
        f"{path} recomposes the bands of a stage 1 (identity {wanted or 'unknown'}) that is not in {where}: "
        "put it beside as band.pt, or name it by band=PATH"
    )
