"""From a checkpoint to an enhancer: which network, by which runtime, on which device, in which precision."""

from pathlib import Path

import torch

from drbn_lightning.checkpoints.enhancement_model import EnhancementModel, load_model
from drbn_lightning.checkpoints.pretrained import DEFAULT_STAGE, pretrained_path
from drbn_lightning.errors import DRBNError
from drbn_lightning.inference.enhancer import Enhancer, Runner
from drbn_lightning.inference.runtimes.kept import kept_export
from drbn_lightning.inference.runtimes.onnx import open_onnx
from drbn_lightning.inference.runtimes.openvino import open_openvino
from drbn_lightning.inference.runtimes.precision import Precision, choose_device, choose_precision
from drbn_lightning.inference.runtimes.torch import torch_method
from drbn_lightning.inference.self_ensemble import self_ensemble as ensemble_of
from drbn_lightning.inference.tiling import Tiles
from drbn_lightning.names import RUNTIMES
from drbn_lightning.types import Method

TILE_SIZES = {
    ("torch", "float32"): 1248,
    ("torch", "bfloat16"): 1664,
    ("torch", "float16"): 1664,
    ("onnx", "float32"): 816,
    ("openvino", "float32"): 848,
    ("openvino", "bfloat16"): 1184,
}
"""Sides of tiles, in pixels, that need about 1.4 GB by each runtime and precision."""


def load_enhancer(
    checkpoint: Path | str | None = None,
    *,
    stage: str | None = None,
    band: Path | str | None = None,
    strength: float = 1.0,
    device: str = "auto",
    precision: str = "auto",
    runtime: str = "torch",
    tile_size: int | None = None,
    self_ensemble: bool = False,
) -> Enhancer:
    """Read a network and make it ready for images of any size and kind.

    Args:
        checkpoint: a checkpoint of ours or official weights; by default the weights that ship with the package.
        stage: `band` (stage 1) or `recompose` (both stages); by default what the checkpoint is, or the better one
            of those that ship.
        band: the stage 1 of a stage-2 checkpoint, see `load_model`.
        strength: how far to go from the image (0) to the result (1).
        device: `auto`, `cpu`, `cuda`, `mps`, ...
        precision: see `choose_precision`.
        runtime: `torch`, or `onnx` or `openvino` where their extras are installed.
        tile_size: side of the tiles that large images are cut into, in pixels; larger ones need more memory.
        self_ensemble: average over the eight flips and turns; eight times slower.

    Raises:
        DRBNError: a file is missing or damaged, a value is out of range, or an extra is not installed.
    """
    if checkpoint is None:
        checkpoint = pretrained_path(stage or DEFAULT_STAGE)
    model = of_stage(load_model(checkpoint, band), stage, checkpoint)
    place = choose_place(runtime, device)
    chosen = [precision_of(runtime, precision, place, bits) for bits in (8, 16)]
    runners = {}
    for kind in dict.fromkeys(chosen):
        method = choose_method(model, runtime, place, kind)
        tiles = Tiles(TILE_SIZES[runtime, kind] if tile_size is None else tile_size)
        runners[kind] = Runner(ensemble_of(method) if self_ensemble else method, tiles)
    return Enhancer(model, runners[chosen[0]], runners[chosen[1]], strength)


def of_stage(model: EnhancementModel, stage: str | None, source: Path | str) -> EnhancementModel:
    """The network up to a stage: stage 1 can be had out of both.

    Raises:
        DRBNError: the network does not have that stage.
    """
    if stage in (None, model.stage):
        return model
    if stage == "band" and stage in model.parts:
        return EnhancementModel(stage, model.parts[stage].network, {stage: model.parts[stage]})
    raise DRBNError(f"{source} is a checkpoint of stage={model.stage}, and stage={stage} is asked for; choose another")


def choose_place(runtime: str, device: str) -> torch.device:
    """The device of a runtime.

    Raises:
        DRBNError: there is no such runtime, or it does not run there.
    """
    if runtime not in RUNTIMES:
        raise DRBNError(f"runtime={runtime} is unknown; use {', '.join(RUNTIMES)}")
    if runtime == "torch":
        return choose_device(device)
    if device not in ("auto", "cpu"):
        raise DRBNError(f"runtime={runtime} runs on the CPU only; leave device={device} out, or use runtime=torch")
    return torch.device("cpu")


def precision_of(runtime: str, name: str, device: torch.device, bits: int) -> Precision:
    """The precision of that name, see `choose_precision`; ONNX Runtime knows float32 only.

    Raises:
        DRBNError: the runtime does not know it.
    """
    if runtime != "onnx":
        return choose_precision(name, device, bits=bits)
    if name not in ("auto", "float32"):
        raise DRBNError(f"precision={name} is unknown to runtime=onnx; leave it out, or use another runtime")
    return "float32"


def choose_method(model: EnhancementModel, runtime: str, device: torch.device, precision: Precision) -> Method:
    """A network as a method of one runtime.

    Raises:
        DRBNError: see `load_enhancer`.
    """
    if runtime == "torch":
        return torch_method(model.network, device, precision)
    path = kept_export(model)
    return open_onnx(path) if runtime == "onnx" else open_openvino(path, precision=precision)
