"""Whole networks as ONNX files that any runtime for them can run, verified against torch before they are written."""

import hashlib
import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

import drbn_lightning
from drbn_lightning.checkpoints.artifact import identity
from drbn_lightning.checkpoints.enhancement_model import EnhancementModel
from drbn_lightning.errors import DRBNError
from drbn_lightning.extras import extra
from drbn_lightning.files import written_beside
from drbn_lightning.inference.runtimes.onnx import INPUTS, OUTPUT, onnx_method
from drbn_lightning.thumbnails import THUMBNAIL_SIZE

if TYPE_CHECKING:
    from onnx import ModelProto

EXPORT_FORMAT = 2
THUMBNAIL = (3, THUMBNAIL_SIZE, THUMBNAIL_SIZE)
TOLERANCE = 1e-4
"""Largest difference from torch, in display values: 0 is black and 1 is white."""

SIZES = ((1, 3, 64, 96), (2, 3, 37, 42), (1, 3, 131, 90), (3, 3, 5, 7), (1, 3, 1, 1))
"""Shapes of `low` that an exported network is verified on."""

DEFINITIONS = {
    "low": "(N, 3, H, W) float32, low-light RGB in display values, 0 black, 1 white; any N, H, W from 1",
    "thumbnail": f"(N, 3, {THUMBNAIL_SIZE}, {THUMBNAIL_SIZE}) float32, area average of each WHOLE image of a tile",
    "full": "(N, 3, H, W) float32, the enhanced RGB in display values, not clipped",
}


class Verified(NamedTuple):
    """How far an exported network is from torch on one input: its shape, and the largest difference."""

    shape: tuple[int, ...]
    difference: float


def exported(
    model: EnhancementModel,
    path: Path,
    *,
    overwrite: bool = False,
    opset: int | None = None,
    more: Mapping[str, str] | None = None,
) -> list[Verified]:
    """Write a network as one ONNX file, if it gives what torch gives.

    Its inputs `low` and `thumbnail` and its output `full` have any batch, height and width.

    Args:
        model: the network.
        path: where to, ending in `.onnx`.
        overwrite: replace a file that is there.
        opset: version of the ONNX operators; by default the one that torch recommends.
        more: what else the file says of itself, beside `about`.

    Returns:
        What was verified.

    Raises:
        DRBNError: the file exists or cannot be written, the extra `onnx` is not installed, the network cannot be
            exported, or its results differ from torch's by more than `TOLERANCE`. Nothing is written then.
    """
    path = Path(path)
    check_path(path, overwrite)
    network = _Full(model.network).cpu().float().eval().requires_grad_(False)
    content = _content(network, properties_of(model) | dict(more or {}), opset)
    verified = verify(network, content, str(path))
    with written_beside(path) as beside:
        beside.write_bytes(content)
    return verified


def check_path(path: Path, overwrite: bool) -> None:
    """Raise a DRBNError where an export may not be written."""
    if path.suffix.lower() != ".onnx":
        raise DRBNError(f"{path} does not end in .onnx; choose another name")
    if path.exists() and not overwrite:
        raise DRBNError(f"{path} exists already; remove it, choose another name, or ask for it by --overwrite")


@torch.inference_mode()
def verify(network: nn.Module, content: bytes, name: str) -> list[Verified]:
    """Compare an exported network with torch's on `SIZES`.

    Args:
        network: maps `(low, thumbnail)` to the image.
        content: the exported file.
        name: what messages call it.

    Raises:
        DRBNError: a result is of another shape or differs by more than `TOLERANCE`.
    """
    method, verified = onnx_method(content, name), list[Verified]()
    random = torch.Generator().manual_seed(0)
    for shape in SIZES:
        low = torch.rand(shape, generator=random) ** 3
        thumbnail = 0.5 * torch.rand(shape[0], *THUMBNAIL, generator=random) ** 2
        expected = network(low, thumbnail).numpy()
        result = method(low.numpy(), thumbnail.numpy())
        if result.shape != expected.shape:
            raise DRBNError(f"{name} is not written: for {shape} it gives {result.shape}")
        verified.append(Verified(shape, float(np.abs(result - expected).max())))
        if not verified[-1].difference <= TOLERANCE:  # not a number neither
            raise DRBNError(
                f"{name} is not written: for {shape} it differs from torch by {verified[-1].difference:.2g}, which is "
                f"more than {TOLERANCE:g}; try another opset or another release of torch"
            )
    return verified


def properties_of(model: EnhancementModel) -> dict[str, str]:
    """What an exported file says of itself."""
    parts = {
        stage: {"identity": identity(part.network), "network": part.description.target} | part.description.arguments
        for stage, part in model.parts.items()
    }
    return {
        "drbn_lightning": drbn_lightning.__version__,
        "export_format": str(EXPORT_FORMAT),
        "torch": torch.__version__,
        "stage": model.stage,
        "identity": identity(model.network),
        "parts": json.dumps(parts, default=str),
        "trained_on": json.dumps([str(fingerprint.get("name", "")) for fingerprint in model.trained_on]),
        **DEFINITIONS,
    }


class _Full(nn.Module):
    """A copy of a network that gives the full band only."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = deepcopy(network)

    def forward(self, low: Tensor, thumbnail: Tensor) -> Tensor:
        full: Tensor = self.network(low, thumbnail).full
        return full


def _content(network: nn.Module, properties: dict[str, str], opset: int | None) -> bytes:
    """The file, as bytes."""
    onnx = extra("onnx", "onnx")
    extra("onnxscript", "onnx")
    extra("onnxruntime", "onnx")  # verifies it
    model = _translated(network, opset)
    _tidy(onnx, model, properties)
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString()
    return content


def _translated(network: nn.Module, opset: int | None) -> "ModelProto":
    batch, height, width = (torch.export.Dim(name) for name in ("batch", "height", "width"))
    try:
        with _quiet():
            program = torch.onnx.export(
                network,
                (torch.rand(2, 3, 37, 42), torch.rand(2, *THUMBNAIL)),
                dynamo=True,
                verbose=False,
                input_names=INPUTS,
                output_names=[OUTPUT],
                opset_version=opset,
                dynamic_shapes={"low": {0: batch, 2: height, 3: width}, "thumbnail": {0: batch}},
            )
            assert program is not None
            model = program.model_proto
    except Exception as error:  # whatever a network from elsewhere, or torch's exporter, raises
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise DRBNError(f"this network cannot be exported: {lines[-1][:200]} ({lines[0][:120]})") from error
    made = next(imported.version for imported in model.opset_import if imported.domain in ("", "ai.onnx"))
    if opset not in (None, made):
        raise DRBNError(f"opset={opset} is not to be had for this network, but {made} is; leave it out")
    return model


def _tidy(onnx: ModuleType, model: "ModelProto", properties: dict[str, str]) -> None:
    """Drop what the exporter noted of this machine (paths of source files), and say what the file is."""
    graph = model.graph
    del graph.value_info[:]
    for part in (*graph.node, *graph.input, *graph.output, *graph.initializer, graph):
        del part.metadata_props[:]
    for node in graph.node:
        node.doc_string = ""
    sizes = graph.output[0].type.tensor_type.shape.dim
    for place, name in ((0, "batch"), (2, "height"), (3, "width")):
        sizes[place].dim_param = name
    for value in (*graph.input, *graph.output):
        value.doc_string = DEFINITIONS[value.name]
    graph.name = f"drbn_{properties['stage']}"
    del model.functions[:], model.metadata_props[:]
    onnx.helper.set_model_props(model, properties)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's remarks on its own ways from the user."""
    loggers = {logging.getLogger(name): logging.getLogger(name).level for name in ("torch.onnx", "onnxscript")}
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in loggers.items():
            logger.setLevel(level)


def cached_export(model: EnhancementModel, folder: Path) -> Path:
    """The exported file of a network, made where the folder does not have it yet.

    Raises:
        DRBNError: see `export.exported`.
    """
    path = export_path(model, folder)
    if not path.is_file():
        exported(model, path, overwrite=True)  # another process may be as far
    return path


def export_path(model: EnhancementModel, folder: Path) -> Path:
    """Where a folder has the exported file of a network."""
    return folder / f"{model.stage}-{_digest(model)}.onnx"


def _digest(model: EnhancementModel) -> str:
    """Equal for networks of equal parameters, classes and arguments, exported in the same way."""
    parts = {stage: [*part.description, identity(part.network)] for stage, part in model.parts.items()}
    return hashlib.sha256(json.dumps([EXPORT_FORMAT, parts], sort_keys=True).encode()).hexdigest()[:16]
