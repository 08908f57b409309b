"""Finished results in folders, other people's among them: found by the names of the test images."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from drbn_lightning.data.paired.matching import image_key
from drbn_lightning.errors import DRBNError, named
from drbn_lightning.evaluation.methods import EvaluatedMethod
from drbn_lightning.evaluation.scoring import EvaluationImage
from drbn_lightning.images.folders import list_images
from drbn_lightning.images.rgb import read_rgb


class Size(NamedTuple):
    """A test image's name, the key by which results are found, and its size in pixels."""

    name: str
    key: str
    width: int
    height: int


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
