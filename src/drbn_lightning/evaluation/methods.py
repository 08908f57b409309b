"""Who takes part in an evaluation: checkpoints, folders of other people's results, baselines."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from drbn_lightning.checkpoints.artifact import Artifact, identity
from drbn_lightning.checkpoints.enhancement_model import EnhancementModel
from drbn_lightning.data.paired.matching import image_key
from drbn_lightning.errors import DRBNError, named
from drbn_lightning.evaluation.scoring import EvaluationImage, ImageMethod, image_method, network_method
from drbn_lightning.images.folders import list_images
from drbn_lightning.images.rgb import read_rgb
from drbn_lightning.types import TensorMethod


class EvaluatedMethod(NamedTuple):
    """One row of the table.

    `about` says in plain values where it came from; `trained_on` are fingerprints of what it has seen, None where
    nobody knows; `network` is None where there is none.
    """

    name: str
    run: ImageMethod
    about: dict[str, Any]
    trained_on: list[dict[str, Any]] | None = None
    network: nn.Module | None = None
    is_baseline: bool = False
    is_timed: bool = True


class Size(NamedTuple):
    """A test image's name, the key by which results are found, and its size in pixels."""

    name: str
    key: str
    width: int
    height: int


def methods_of(
    name: str, path: Path, model: EnhancementModel, device: torch.device, taken: set[str]
) -> list[EvaluatedMethod]:
    """Stage 1 and, where there is one, stage 2 of a checkpoint.

    Args:
        name: the name of the last stage; stage 1 under a stage 2 is called so too, or `band` where that is the stage.
        path: where it was read from.
        model: the network.
        device: where to run it.
        taken: identities of the networks that take part already; they do not take part twice.
    """
    methods, seen = [], list[dict[str, Any]]()
    for stage, part in model.parts.items():
        seen += [about for about in part.trained_on if about not in seen]
        own = identity(part.network)
        if own in taken and stage != model.stage:
            continue
        taken.add(own)
        network = model.network if stage == model.stage else part.network
        label = name if stage == model.stage else ("band" if name == model.stage else f"{name}, stage 1")
        about = {"kind": "checkpoint", "path": str(path), "stage": stage, "identity": own} | _origin(part)
        run = image_method(network_method(network, device))
        methods.append(EvaluatedMethod(label, run, about, seen.copy() if seen else None, network))
    return methods


def baseline(name: str, method: TensorMethod, about: str) -> EvaluatedMethod:
    """A method that has learned nothing."""
    return EvaluatedMethod(name, image_method(method), {"kind": "baseline", "about": about}, [], is_baseline=True)


def predictions(name: str, folder: Path, images: Sequence[Size]) -> EvaluatedMethod:
    """Results in a folder, one for each image of the test set and of its size.

    Raises:
        DRBNError: see `match`.
    """
    files = match(folder, images)

    def read(image: EvaluationImage) -> Tensor:
        return torch.from_numpy(read_rgb(files[image.key])).permute(2, 0, 1)[None].float() / 255

    return EvaluatedMethod(name, read, {"kind": "predictions", "folder": str(folder.resolve())}, None, is_timed=False)


def match(folder: Path, images: Sequence[Size]) -> dict[str, Path]:
    """Find each test image's result by name, without the suffix and a leading `low`, `normal` or `high`.

    Returns:
        Files by the key of the image.

    Raises:
        DRBNError: a result is missing or of another size, or there is one too many; the message names them.
    """
    files: dict[str, Path] = {}
    for file in list_images(folder):
        other = files.setdefault(image_key(file), file)
        if other is not file:
            raise DRBNError(f"{other.name} and {file.name} in {folder} count as one image; remove one")
    wanted = {image.key for image in images}
    faults = [
        _named("no result for {}", [image.name for image in images if image.key not in files]),
        _named("no test image for {}", [file.name for key, file in files.items() if key not in wanted]),
        _named("of another size than the test image: {}", _wrong_sizes(files, images)),
    ]
    if any(faults):
        raise DRBNError(
            f"predictions={folder} does not fit the {len(images)} test images: {'; '.join(filter(None, faults))}; "
            "results of several data sets lie in subfolders of their names, such as lol_v1 or photos"
        )
    return files


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
    taken = [one.name for one in methods if one.name == "target" or (one.name == "input" and not one.is_baseline)]
    if taken:
        raise DRBNError(f"a method cannot be called {taken[0]}, as an image is; say predictions='{{NAME: PATH}}'")
    return methods


def merged(known: EvaluatedMethod | None, one: EvaluatedMethod) -> EvaluatedMethod:
    """A method that was scored before on another data set: results of each may lie in a folder of its own."""
    if known is None or known.about == one.about:
        return one
    folders = dict.fromkeys([*known.about.get("folder", "").split(", "), one.about.get("folder", "")])
    return one._replace(about=one.about | {"folder": ", ".join(folders)})


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


def _origin(part: Artifact) -> dict[str, Any]:
    keep = ("source", "version", "commit", "date", "seed")
    return {key: part.provenance[key] for key in keep if part.provenance.get(key) is not None}


def _wrong_sizes(files: dict[str, Path], images: Sequence[Size]) -> list[str]:
    faults = []
    for image in images:
        if image.key in files:
            height, width, _ = read_rgb(files[image.key]).shape
            if (width, height) != (image.width, image.height):
                faults.append(f"{files[image.key].name} ({width}x{height}, not {image.width}x{image.height})")
    return faults


def _named(what: str, names: Sequence[str]) -> str:
    return what.format(named(names)) if names else ""
