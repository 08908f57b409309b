"""From a checkpoint to an enhancer: which network, by which runtime, on which device, in which precision.

torch is imported only where it runs the network or reads a checkpoint: see `by_torch`.
"""

from pathlib import Path

from drbn_lightning.checkpoints.pretrained import DEFAULT_STAGE, network_folder, pretrained_path
from drbn_lightning.errors import DRBNError
from drbn_lightning.inference.choosing import USUAL_JOB
from drbn_lightning.inference.enhancer import Enhancer, NetworkInfo
from drbn_lightning.inference.runtimes.onnx import open_onnx
from drbn_lightning.inference.runtimes.onnx_metadata import exported_properties
from drbn_lightning.inference.runtimes.openvino import native_bfloat16, open_openvino
from drbn_lightning.inference.settings import Settings
from drbn_lightning.names import DEFAULT_NETWORK, ENHANCING_STAGES


def load_enhancer(
    checkpoint: Path | str | None = None,
    *,
    network: str = DEFAULT_NETWORK,
    stage: str | None = None,
    band: Path | str | None = None,
    strength: float = 1.0,
    device: str = "auto",
    precision: str = "auto",
    runtime: str = "auto",
    tile_size: int | None = None,
    self_ensemble: bool = False,
    pixels: int = USUAL_JOB,
) -> Enhancer:
    """Read a network and make it ready for images of any size and kind.

    Args:
        checkpoint: a checkpoint of ours or official weights; by default the weights that ship with the package.
        network: which of those that ship.
        stage: `band` (stage 1) or `recompose` (both stages); by default what the checkpoint is, or the better one
            of those that ship.
        band: the stage 1 of a stage-2 checkpoint, see `load_model`.
        strength: how far to go from the image (0) to the result (1).
        device: `auto`, `cpu`, `cuda`, `mps`, ...
        precision: see `choose_precision`.
        runtime: `torch`, `onnx`, `openvino` where its extra is installed, or `auto`: see `choose_runtime`.
        tile_size: side of the tiles that large images are cut into, in pixels; by default what memory allows.
        self_ensemble: average over the eight flips and turns; eight times slower.
        pixels: how many are to be enhanced in all, as far as is known: `auto` weighs them against a runtime's start.

    Raises:
        DRBNError: a file is missing or damaged, a value is out of range, or an extra is not installed.
    """
    settings = Settings(strength, device, precision, runtime, tile_size, self_ensemble, pixels)
    settings.check()
    if checkpoint is None:
        return _pretrained(network, stage or DEFAULT_STAGE, settings)
    from drbn_lightning.inference import by_torch

    model = by_torch.read(checkpoint, stage, band)
    info = NetworkInfo(str(checkpoint), model.stage, tuple(model.parts))
    chosen = settings.runtime_for(exported=by_torch.is_kept(model), torch_loaded=True, gpu=by_torch.has_gpu())
    if chosen == "torch":
        return by_torch.enhancer(model, info, settings)
    return _exported(by_torch.kept_export(model), info, settings, chosen, model.overlap)


def _pretrained(network: str, stage: str, settings: Settings) -> Enhancer:
    """A network of the package; torch reads it only where it runs it."""
    folder, info = network_folder(network), NetworkInfo(network, stage, ENHANCING_STAGES)
    chosen = settings.runtime_for()
    if chosen == "torch":
        path = pretrained_path(stage, folder)
        from drbn_lightning.inference import by_torch

        if settings.runtime == "auto":  # there seemed to be a GPU
            chosen = settings.runtime_for(torch_loaded=True, gpu=by_torch.has_gpu())
        if chosen == "torch":
            return by_torch.enhancer(by_torch.read(path), info, settings)
    path = pretrained_path(stage, folder, suffix=".onnx")
    return _exported(path, info, settings, chosen, int(exported_properties(path)["overlap"]))


def _exported(path: Path, info: NetworkInfo, settings: Settings, runtime: str, overlap: int | None) -> Enhancer:
    """A network by a runtime of exported networks."""
    chosen = [exported_precision(runtime, settings.precision, bits) for bits in (8, 16)]
    runners = {}
    for kind in dict.fromkeys(chosen):
        method = open_onnx(path) if runtime == "onnx" else open_openvino(path, precision=kind)
        runners[kind] = settings.runner(method, runtime, kind, overlap)
    info = info._replace(runtime=runtime, precision=chosen[0])
    return Enhancer(info, runners[chosen[0]], runners[chosen[1]], settings.strength)


def exported_precision(runtime: str, name: str, bits: int) -> str:
    """The precision in which a runtime of exported networks computes; `auto` as `choose_precision` has it.

    Raises:
        DRBNError: the runtime does not know it.
    """
    if name == "float16" or (runtime == "onnx" and name == "bfloat16"):
        raise DRBNError(f"precision={name} is unknown to runtime={runtime}; leave it out, or use another runtime")
    if name == "auto":
        return "bfloat16" if runtime == "openvino" and bits <= 8 and native_bfloat16() else "float32"
    return name
