"""Enhancers whose network torch runs, and checkpoints, which torch reads. The only way from a photo to torch."""

from pathlib import Path

from drbn_lightning.checkpoints.enhancement_model import EnhancementModel, load_model, of_stage
from drbn_lightning.inference.enhancer import Enhancer, NetworkInfo
from drbn_lightning.inference.runtimes.kept import is_kept, kept_export
from drbn_lightning.inference.runtimes.precision import choose_device, choose_precision
from drbn_lightning.inference.runtimes.torch import torch_method
from drbn_lightning.inference.settings import Settings

__all__ = ["enhancer", "has_gpu", "is_kept", "kept_export", "read"]


def read(checkpoint: Path | str, stage: str | None = None, band: Path | str | None = None) -> EnhancementModel:
    """A network out of a checkpoint, up to a stage; see `load_model` and `of_stage`."""
    return of_stage(load_model(checkpoint, band), stage, checkpoint)


def has_gpu() -> bool:
    """Whether torch has a GPU that works."""
    return choose_device("auto").type != "cpu"


def enhancer(model: EnhancementModel, info: NetworkInfo, settings: Settings) -> Enhancer:
    """An enhancer that runs a network by torch.

    Raises:
        DRBNError: there is no such device or precision, or the tiles are too small.
    """
    device = choose_device(settings.device)
    chosen = [choose_precision(settings.precision, device, bits=bits) for bits in (8, 16)]
    runners = {
        kind: settings.runner(torch_method(model.network, device, kind), "torch", kind, model.overlap)
        for kind in dict.fromkeys(chosen)
    }
    info = info._replace(runtime="torch", device=str(device), precision=chosen[0])
    return Enhancer(info, runners[chosen[0]], runners[chosen[1]], settings.strength)
