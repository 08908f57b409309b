"""The methods that an evaluation compares: networks of checkpoints, and baselines; `predictions` has other people's."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from drbn_lightning.baselines.catalog import BASELINES
from drbn_lightning.checkpoints.artifact import Artifact, identity
from drbn_lightning.checkpoints.enhancement_model import EnhancementModel
from drbn_lightning.errors import DRBNError
from drbn_lightning.evaluation.scoring import EvaluationImage, ImageMethod, image_method, network_method
from drbn_lightning.types import TensorMethod

ALL = "all"


class EvaluatedMethod(NamedTuple):
    """One row of the table.

    `origin` says in plain values where it came from; `trained_on` are fingerprints of what it has seen, None where
    nobody knows; `network` is None where there is none.
    """

    name: str
    run: ImageMethod
    origin: dict[str, Any]
    trained_on: list[dict[str, Any]] | None = None
    network: nn.Module | None = None
    is_baseline: bool = False
    is_timed: bool = True


def methods_of(
    name: str, path: Path, model: EnhancementModel, device: torch.device, identities: set[str]
) -> list[EvaluatedMethod]:
    """Stage 1 and, where there is one, stage 2 of a checkpoint.

    Args:
        name: the name of the last stage; stage 1 under a stage 2 is called so too, or `band` where that is the stage.
        path: where it was read from.
        model: the network.
        device: where to run it.
        identities: those of the networks that take part already; they do not take part twice.
    """
    methods, trained_on = [], list[dict[str, Any]]()
    for stage, part in model.parts.items():
        trained_on += [fingerprint for fingerprint in part.trained_on if fingerprint not in trained_on]
        own = identity(part.network)
        if own in identities and stage != model.stage:
            continue
        identities.add(own)
        network = model.network if stage == model.stage else part.network
        label = name if stage == model.stage else ("band" if name == model.stage else f"{name}, stage 1")
        origin = {"kind": "checkpoint", "path": str(path), "stage": stage, "identity": own} | _provenance(part)
        run = image_method(network_method(network, device))
        methods.append(EvaluatedMethod(label, run, origin, trained_on.copy() if trained_on else None, network))
    return methods


def chosen_baselines(names: str | Sequence[str]) -> list[str]:
    """Names of baselines, `all` being all of them.

    Raises:
        DRBNError: one is unknown.

    Example:
        >>> chosen_baselines("all")[:2]
        ['input', 'gamma']
    """
    asked = [names] if isinstance(names, str) else list(dict.fromkeys(names))
    chosen = list(BASELINES) if asked == [ALL] else asked
    unknown = [name for name in chosen if name not in BASELINES]
    if unknown:
        raise DRBNError(f"baselines holds {unknown[0]!r}; there are {', '.join(BASELINES)}, or {ALL}")
    return chosen


def choose_baselines(
    names: Sequence[str], images: Iterable[EvaluationImage], has_targets: bool
) -> list[EvaluatedMethod]:
    """The baselines of these names; those that choose by the targets only where there are some.

    Args:
        names: see `chosen_baselines`.
        images: what is going to be scored.
        has_targets: whether the images have targets.
    """
    chosen = [BASELINES[name] for name in names if has_targets or not BASELINES[name].needs_pairs]
    built = [(*entry.build(_pairs(images)), entry.description) for entry in chosen]
    return [baseline(label, method, description) for label, method, description in built]


def baseline(name: str, method: TensorMethod, description: str) -> EvaluatedMethod:
    """A method that has learned nothing."""
    return EvaluatedMethod(name, image_method(method), {"kind": "baseline", "about": description}, [], is_baseline=True)


def of_different_names(methods: list[EvaluatedMethod]) -> list[EvaluatedMethod]:
    """The methods as they are.

    Raises:
        DRBNError: two have one name, or one that other images of the report have.
    """
    names = [method.name for method in methods]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DRBNError(
            f"two methods are called {twice}; give others: checkpoint='{{NAME: PATH}}', predictions='{{NAME: PATH}}'"
        )
    reserved = [
        method.name
        for method in methods
        if method.name == "target" or (method.name == "input" and not method.is_baseline)
    ]
    if reserved:
        raise DRBNError(f"a method cannot be called {reserved[0]}, as an image is; say predictions='{{NAME: PATH}}'")
    return methods


def merged(before: EvaluatedMethod | None, method: EvaluatedMethod) -> EvaluatedMethod:
    """A method that was scored before on another data set: results of each may lie in a folder of its own."""
    if before is None or before.origin == method.origin:
        return method
    folders = dict.fromkeys([*before.origin.get("folder", "").split(", "), method.origin.get("folder", "")])
    return method._replace(origin=method.origin | {"folder": ", ".join(folders)})


def names_of(paths: Sequence[str]) -> dict[str, str]:
    """Short different names for paths: the file's own, with its folder's where two have one name, then with a number.

    Example:
        >>> names_of(["a/band.pt", "b/band.pt", "other.pt"])
        {'a/band': 'a/band.pt', 'b/band': 'b/band.pt', 'other': 'other.pt'}
    """
    stems = [Path(path).resolve().name if Path(path).is_dir() else Path(path).stem for path in paths]
    labelled: dict[str, str] = {}
    for path, stem in zip(paths, stems, strict=True):
        label = stem if stems.count(stem) == 1 else f"{Path(path).parent.name}/{stem}"
        count = sum(other == label or other.startswith(f"{label} #") for other in labelled)
        labelled[f"{label} #{count + 1}" if count else label] = path
    return labelled


def _provenance(part: Artifact) -> dict[str, Any]:
    keys = ("source", "version", "commit", "date", "seed")
    return {key: part.provenance[key] for key in keys if part.provenance.get(key) is not None}


def _pairs(images: Iterable[EvaluationImage]) -> Iterator[tuple[Tensor, Tensor]]:
    for image in images:
        assert image.normal is not None
        yield image.low, image.normal
