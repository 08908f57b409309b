"""Metrics of an image by itself: three plain ones, and NIQE and others by pyiqa where that is installed."""

import importlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from drbn_lightning.errors import DRBNError, reason_of
from drbn_lightning.metrics.metric import Metric
from drbn_lightning.metrics.pixels import luminance, to_8_bit


def brightness(image: Tensor) -> Tensor:
    """Mean luminance of each image, rounded to 8 bits: `(N, 3, H, W)` to `(N,)` in [0, 1].

    Example:
        >>> brightness(torch.ones(1, 3, 2, 2)).tolist()
        [1.0]
    """
    return luminance(to_8_bit(image)).mean(dim=(1, 2, 3))


def clipped(image: Tensor) -> Tensor:
    """Share of pixels of which a colour is 0 or 255 in 8 bits, in percent: `(N, 3, H, W)` to `(N,)`.

    Example:
        >>> clipped(torch.tensor([0.0, 0.5, 0.5, 1.7]).view(1, 1, 2, 2).expand(1, 3, 2, 2)).tolist()
        [50.0]
    """
    rounded = to_8_bit(image)
    return 100 * ((rounded == 0) | (rounded == 1)).any(dim=1).float().mean(dim=(1, 2))


def colourfulness(image: Tensor) -> Tensor:
    """Spread and strength of the opponent colours of each 8-bit image: `(N, 3, H, W)` to `(N,)`, 0 for gray.

    Source: Hasler and Suesstrunk, "Measuring colourfulness in natural images", 2003: of values up to 255, where 15 is
    slightly and 59 quite colourful.
    """
    red, green, blue = (255 * to_8_bit(image)).unbind(dim=1)
    opponents = torch.stack([red - green, (red + green) / 2 - blue], dim=1).flatten(2)
    spread, strength = opponents.std(dim=2, correction=0), opponents.mean(dim=2)
    return spread.square().sum(dim=1).sqrt() + 0.3 * strength.square().sum(dim=1).sqrt()


_PLAIN = (
    Metric("brightness", "brightness", "", 3, 0, "mean luminance (BT.601) of the 8-bit image", brightness, False),
    Metric("clipped", "clipped", "%", 2, -1, "pixels of which a colour is 0 or 255 in 8 bits", clipped, False),
    Metric(
        "colourfulness",
        "colourfulness",
        "",
        1,
        0,
        "spread and strength of opponent colours (Hasler and Suesstrunk 2003) of the 8-bit image",
        colourfulness,
        False,
    ),
)
NO_REFERENCE = {metric.key: metric for metric in _PLAIN}
"""Metrics of an image by itself that need nothing installed, by name."""


class _ByPyiqa(NamedTuple):
    """What pyiqa needs for a metric: the file of its parameters, if any, and the shortest side that it takes."""

    title: str
    source: str
    file: str | None
    shortest: int


BY_PYIQA = {
    "niqe": _ByPyiqa("NIQE", "Mittal et al. 2013", "niqe_modelparameters.mat", 192),
    "ilniqe": _ByPyiqa("IL-NIQE", "Zhang et al. 2015", "ILNIQE_templateModel.mat", 1),
    "piqe": _ByPyiqa("PIQE", "Venkatanath et al. 2015", None, 16),
}
"""Metrics that pyiqa computes from an image and a small file of plain numbers, if any; lower is better in all."""


def pyiqa_metric(name: str, parameters: Path | str | None = None) -> Metric:
    """A metric without reference that pyiqa computes, on the CPU. Nothing is downloaded.

    Args:
        name: a key of `BY_PYIQA`.
        parameters: file of the metric's parameters; by default pyiqa's cache is looked into. For `niqe` BasicSR's
            `niqe_pris_params.npz` will do as well; the metric is then the same but for the parameters.

    Raises:
        DRBNError: pyiqa is not installed, the name is unknown, or the parameters are missing or damaged.
    """
    if name not in BY_PYIQA:
        raise DRBNError(f"no_reference holds {name!r}; there are {', '.join(BY_PYIQA)}")
    entry, pyiqa = BY_PYIQA[name], _pyiqa()
    path = None if entry.file is None else _find(name, entry.file, parameters)
    model = _model(pyiqa, name, path)

    def function(image: Tensor) -> Tensor:
        if min(image.shape[-2:]) < entry.shortest:
            return torch.full((len(image),), torch.nan)
        with torch.no_grad():
            return torch.tensor([_value(model, pixels[None]) for pixels in to_8_bit(image).cpu()])

    file = f" with {path.name}" if path else ""
    definition = f"{entry.source}, as pyiqa {pyiqa.__version__} computes it{file}, of the 8-bit image"
    return Metric(name, entry.title, "", 2, -1, definition, function, needs_target=False)


def _pyiqa() -> ModuleType:
    try:
        return importlib.import_module("pyiqa")
    except ImportError as error:
        raise DRBNError(
            f"NIQE and its like need pyiqa, which cannot be imported ({error}): pip install 'drbn-lightning[iqa]'"
        ) from None


def _model(pyiqa: ModuleType, name: str, path: Path | None) -> Callable[[Tensor], Tensor]:
    """Pyiqa's function of one image, with parameters from a file."""
    with tempfile.TemporaryDirectory() as folder:
        options = {"pretrained_model_path": str(_as_mat(path, Path(folder)))} if path else {}
        try:
            model: Callable[[Tensor], Tensor] = pyiqa.create_metric(name, device=torch.device("cpu"), **options)
        except Exception as error:  # scipy raises a dozen kinds on damaged files
            raise DRBNError(f"the parameters {path} of {name} cannot be read ({reason_of(error)})") from None
    return model


def _value(model: Callable[[Tensor], Tensor], image: Tensor) -> float:
    """The figure of one image; not a number where it has no texture that could be modelled, such as a black one."""
    try:
        return float(model(image))
    except torch.linalg.LinAlgError:  # type: ignore[attr-defined]  # documented, but not exported
        return float("nan")


def _find(name: str, file: str, chosen: Path | str | None) -> Path:
    """The file of the parameters: the chosen one, or that in pyiqa's cache."""
    cached = Path(torch.hub.get_dir()) / "pyiqa" / file
    path = cached if chosen is None else Path(chosen)
    if path.is_file():
        return path
    if chosen:
        raise DRBNError(f"parameters.{name}={chosen} does not exist; it must name pyiqa's {file}")
    raise DRBNError(
        f"{name} needs its parameters, and {cached} does not exist: put pyiqa's {file} there, or name it by "
        f"parameters.{name}=PATH"
    )


def _as_mat(path: Path, folder: Path) -> Path:
    """The file itself, or parameters from BasicSR's archive as pyiqa reads them, in `folder`.

    Raises:
        DRBNError: the archive is damaged or holds something else.
    """
    if path.suffix != ".npz":
        return path
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {f"{name}_prisparam": archive[f"{name}_pris_param"] for name in ("mu", "cov")}
    except Exception as error:  # numpy raises a dozen kinds on damaged files
        raise DRBNError(f"{path} holds no parameters of NIQE ({type(error).__name__}: {str(error)[:80]})") from None
    converted = folder / "parameters.mat"
    importlib.import_module("scipy.io").savemat(converted, arrays)  # pyiqa brings scipy
    return converted
