"""Putting trained networks into the package: `python -m drbn_lightning.inference.release FOLDER`.

FOLDER has `band.pt` and `recompose.pt`. Without it, the ONNX files of the package are made anew from its checkpoints.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from drbn_lightning.checkpoints.artifact import header, save
from drbn_lightning.checkpoints.enhancement_model import EnhancementModel, load_model, of_stage
from drbn_lightning.checkpoints.pretrained import digest, network_folder, record, weights_folder
from drbn_lightning.data.simulation.camera import LowLightCamera
from drbn_lightning.data.simulation.scenes import scene
from drbn_lightning.inference.overlap import needed_overlap
from drbn_lightning.inference.runtimes.export import exported
from drbn_lightning.inference.runtimes.torch import torch_method
from drbn_lightning.names import DEFAULT_NETWORK, ENHANCING_STAGES
from drbn_lightning.terminal import exit_status, say, settle
from drbn_lightning.thumbnails import thumbnail_of
from drbn_lightning.types import Pixels

PRIVATE = ("config", "overrides")
"""What provenance says of paths."""
SCENES, SIDE = 4, 768
"""How many dark scenes overlaps are measured on, and their sides in pixels."""


def main(argv: Sequence[str] | None = None) -> int:
    """Put networks into the package, as the command line says.

    Args:
        argv: the words after the command's name; by default the process's.

    Returns:
        The exit status: 1 where a network cannot be taken.

    Raises:
        SystemExit: the command is wrong (2), or help was asked for (0).
    """
    settle()
    parser = argparse.ArgumentParser("python -m drbn_lightning.inference.release", description=__doc__)
    parser.add_argument("source", type=Path, nargs="?", metavar="FOLDER", help="of band.pt and recompose.pt")
    parser.add_argument("--network", default=DEFAULT_NETWORK, metavar="NAME", help=f"its name ({DEFAULT_NETWORK})")
    options = parser.parse_args(argv)

    def task() -> None:
        if options.source is None:
            ship(network_folder(options.network), weights_folder() / options.network)
        else:
            ship(options.source, weights_folder() / options.network)

    return exit_status(task)


def ship(source: Path, folder: Path) -> None:
    """Put trained networks among the pretrained ones, without what they say of the machine they come from.

    Beside each checkpoint goes its ONNX file; both say how far tiles of the network must overlap.

    Args:
        source: folder of `band.pt` and `recompose.pt`.
        folder: where to; it may be `source`.

    Raises:
        DRBNError: one is missing, is of another stage, stage 2 does not work on that stage 1, or a network cannot be
            cut into tiles or exported.
    """
    both = load_model(source / "recompose.pt", source / "band.pt")
    models = {stage: of_stage(both, stage, source) for stage in ENHANCING_STAGES}
    samples = list(dark_scenes())
    overlaps = {
        stage: needed_overlap(torch_method(model.network, torch.device("cpu")), samples)
        for stage, model in models.items()
    }
    for stage, model in models.items():
        checkpoint, path = folder / f"{stage}.pt", folder / f"{stage}.onnx"
        save_public(model, checkpoint, overlaps[stage])
        more = {"overlap": str(overlaps[stage]), "checkpoint_sha256": digest(checkpoint)}
        exported(model, path, overwrite=True, more=more)
        say(f"written: {checkpoint} and {path.name}; its tiles overlap by {overlaps[stage]} pixels")
    record(folder)


def save_public(model: EnhancementModel, path: Path, overlap: int) -> None:
    """Write the checkpoint of a network's last stage, without what it says of its machine."""
    artifact = model.parts[model.stage]
    provenance = {name: value for name, value in artifact.provenance.items() if name not in PRIVATE}
    needs = {name: {**reference, "path": ""} for name, reference in artifact.needs.items()}
    made = header(model.stage, artifact.description, provenance, artifact.trained_on, needs, overlap)
    save(path, made, artifact.network.state_dict())


def dark_scenes() -> Iterator[tuple[Pixels, Pixels]]:
    """Scenes as a camera takes them in too little light, `(1, 3, SIDE, SIDE)`, each with its thumbnail."""
    camera = LowLightCamera()
    for seed in range(SCENES):
        rng = np.random.default_rng(seed)
        low = camera.expose(scene(rng, SIDE, SIDE), camera.draw(rng), rng).numpy()
        yield low[None], thumbnail_of(low.transpose(1, 2, 0))[None]


if __name__ == "__main__":
    sys.exit(main())
