"""Who takes part in an evaluation: checkpoints, folders of other people's results, baselines."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from drbn_lightning.checkpoints.artifact import Artifact, identity
from drbn_lightning.checkpoints.enhancement_model import Whole
from drbn_lightning.data.paired.matching import pair_key
from drbn_lightning.errors import DRBNError, named
from drbn_lightning.evaluation.scoring import Contestant, Picture, contestant, network_method
from drbn_lightning.images.folders import list_images
from drbn_lightning.images.rgb import read_rgb
from drbn_lightning.types import Method


class Entrant(NamedTuple):
    """One row of the table.

    `about` says in plain values where it came from; `trained_on` are fingerprints of what it has seen, None where
    nobody knows; `network` is None where there is none.
    """

    name: str
    run: Contestant
    about: dict[str, Any]
    trained_on: list[dict[str, Any]] | None = None
    network: nn.Module | None = None
    is_baseline: bool = False
    is_timed: bool = True


class Size(NamedTuple):
    """A test picture's name, the key by which results are found, and its size in pixels."""

    name: str
    key: str
    width: int
    height: int


def entrants_of(name: str, path: Path, whole: Whole, device: torch.device, judged: set[str]) -> list[Entrant]:
    """Stage 1 and, where there is one, stage 2 of a checkpoint.

    Args:
        name: the name of the last stage; stage 1 under a stage 2 is called so too, or `band` where that is the stage.
        path: where it was read from.
        whole: the network.
        device: where to run it.
        judged: identities of the networks that take part already; they do not take part twice.
    """
    found, seen = [], list[dict[str, Any]]()
    for stage, part in whole.parts.items():
        seen += [about for about in part.trained_on if about not in seen]
        own = identity(part.network)
        if own in judged and stage != whole.stage:
            continue
        judged.add(own)
        network = whole.network if stage == whole.stage else part.network
        label = name if stage == whole.stage else ("band" if name == whole.stage else f"{name}, stage 1")
        about = {"kind": "checkpoint", "path": str(path), "stage": stage, "identity": own} | _origin(part)
        run = contestant(network_method(network, device))
        found.append(Entrant(label, run, about, seen.copy() if seen else None, network))
    return found


def baseline(name: str, method: Method, about: str) -> Entrant:
    """A method that has learned nothing."""
    return Entrant(name, contestant(method), {"kind": "baseline", "about": about}, [], is_baseline=True)


def predictions(name: str, folder: Path, pictures: Sequence[Size]) -> Entrant:
    """Results in a folder, one for each picture of the test set and of its size.

    Raises:
        DRBNError: see `match`.
    """
    files = match(folder, pictures)

    def read(picture: Picture) -> Tensor:
        return torch.from_numpy(read_rgb(files[picture.key])).permute(2, 0, 1)[None].float() / 255

    return Entrant(name, read, {"kind": "predictions", "folder": str(folder.resolve())}, None, is_timed=False)


def match(folder: Path, pictures: Sequence[Size]) -> dict[str, Path]:
    """Find each test picture's result by name, without the suffix and a leading `low`, `normal` or `high`.

    Returns:
        Files by the key of the picture.

    Raises:
        DRBNError: a result is missing or of another size, or there is one too many; the message names them.
    """
    files: dict[str, Path] = {}
    for file in list_images(folder):
        other = files.setdefault(pair_key(file), file)
        if other is not file:
            raise DRBNError(f"{other.name} and {file.name} in {folder} count as one picture; remove one")
    wanted = {picture.key for picture in pictures}
    faults = [
        _named("no result for {}", [picture.name for picture in pictures if picture.key not in files]),
        _named("no test picture for {}", [file.name for key, file in files.items() if key not in wanted]),
        _named("of another size than the test picture: {}", _wrong_sizes(files, pictures)),
    ]
    if any(faults):
        raise DRBNError(
            f"predictions={folder} does not fit the {len(pictures)} test pictures: {'; '.join(filter(None, faults))}; "
            "results of several data sets lie in subfolders of their names, such as lol_v1 or photos"
        )
    return files


def of_different_names(entrants: list[Entrant]) -> list[Entrant]:
    """The methods as they are.

    Raises:
        DRBNError: two have one name, or one that other pictures of the report have.
    """
    names = [entrant.name for entrant in entrants]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DRBNError(
            f"two methods are called {twice}; give others: checkpoint='{{NAME: PATH}}', predictions='{{NAME: PATH}}'"
        )
    taken = [one.name for one in entrants if one.name == "target" or (one.name == "input" and not one.is_baseline)]
    if taken:
        raise DRBNError(f"a method cannot be called {taken[0]}, as a picture is; say predictions='{{NAME: PATH}}'")
    return entrants


def merged(known: Entrant | None, one: Entrant) -> Entrant:
    """A method that was judged before on another data set: results of each may lie in a folder of its own."""
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
    found: dict[str, str] = {}
    for path, stem in zip(paths, stems, strict=True):
        label = stem if stems.count(stem) == 1 else f"{Path(path).parent.name}/{stem}"
        count = sum(other == label or other.startswith(f"{label} #") for other in found)
        found[f"{label} #{count + 1}" if count else label] = path
    return found


def _origin(part: Artifact) -> dict[str, Any]:
    keep = ("source", "version", "commit", "date", "seed")
    return {key: part.provenance[key] for key in keep if part.provenance.get(key) is not None}


def _wrong_sizes(files: dict[str, Path], pictures: Sequence[Size]) -> list[str]:
    found = []
    for picture in pictures:
        if picture.key in files:
            height, width, _ = read_rgb(files[picture.key]).shape
            if (width, height) != (picture.width, picture.height):
                found.append(f"{files[picture.key].name} ({width}x{height}, not {picture.width}x{picture.height})")
    return found


def _named(what: str, names: Sequence[str]) -> str:
    return what.format(named(names)) if names else ""
