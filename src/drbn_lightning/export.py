"""Write a network as an ONNX file: `python -m drbn_lightning.export -o OUT.onnx`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from drbn_lightning.command_line import add_network, add_version
from drbn_lightning.names import ENHANCING_STAGES
from drbn_lightning.terminal import exit_status, say, settle

if TYPE_CHECKING:
    from drbn_lightning.checkpoints.enhancement_model import EnhancementModel

TIMED_SIZE, ROUNDS = (400, 600), 3
EPILOG = """\
The file takes `low`, (N, 3, H, W), and `thumbnail`, (N, 3, 48, 48), the area average of each whole image, and
gives `full`, (N, 3, H, W); any batch and any size, float32 display values in 0 to 1. It is compared with torch before
it is written.

exit status: 0 if it is written; 1 if it is not; 2 if the command is wrong; 130 after Ctrl-C"""


def main(argv: Sequence[str] | None = None) -> int:
    """Export what the command line says.

    Args:
        argv: the words after the command's name; by default the process's.

    Returns:
        The exit status, see `EPILOG`.

    Raises:
        SystemExit: the command is wrong (2), or help or version were asked for (0).
    """
    settle()
    options = build_parser().parse_args(argv)
    return exit_status(lambda: export(options))


def export(options: argparse.Namespace) -> None:
    """Write the file, then say how near to torch it is, and how fast.

    Raises:
        DRBNError: the network cannot be read, exported or written.
    """
    from drbn_lightning.inference.runtimes.export import check_path, exported  # with torch, which takes seconds

    path: Path = options.output
    check_path(path, options.overwrite)
    model = load(options)
    say(f"exporting stage={model.stage}, and comparing it with torch; this takes half a minute")
    verified = exported(model, path, overwrite=options.overwrite, opset=options.opset)
    for result in verified:
        say(f"{' x '.join(map(str, result.shape)):16}  largest difference from torch {result.difference:.1e}")
    say(f"written: {path} ({path.stat().st_size / 1e6:.1f} MB)")
    if options.timings:
        say(timings(model, path))


def load(options: argparse.Namespace) -> "EnhancementModel":
    """The network that the command line names.

    Raises:
        DRBNError: it cannot be read, or is of another stage.
    """
    from drbn_lightning.checkpoints.enhancement_model import load_model, of_stage
    from drbn_lightning.checkpoints.pretrained import DEFAULT_STAGE, network_folder, pretrained_path

    checkpoint = options.checkpoint or pretrained_path(options.stage or DEFAULT_STAGE, network_folder(options.network))
    return of_stage(load_model(checkpoint, options.band), options.stage, checkpoint)


def timings(model: "EnhancementModel", path: Path) -> str:
    """Time every way to run a network here: a table, and a line for each extra that is not installed."""
    import torch

    from drbn_lightning.inference.timing import interleaved, timing_table, ways_to_run
    from drbn_lightning.networks.first_guess import thumbnails_of

    ways, notes = ways_to_run(model.network, path)
    low = torch.rand(1, 3, *TIMED_SIZE, generator=torch.Generator().manual_seed(0)) ** 3
    timed = interleaved({name: make() for name, make in ways.items()}, low.numpy(), thumbnails_of(low).numpy(), ROUNDS)
    size, threads = " x ".join(map(str, TIMED_SIZE)), torch.get_num_threads()
    conditions = f"one image of {size}, threads: {threads}, median of {ROUNDS} rounds in turns; difference from torch"
    return "\n".join([timing_table(timed), conditions, *notes])


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        "python -m drbn_lightning.export",
        description="Write a network as an ONNX file, for ONNX Runtime, OpenVINO and others.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("-o", "--output", type=Path, required=True, metavar="OUT.onnx", help="the file to write")
    add("--overwrite", action="store_true", help="replace it where it exists already")
    add_network(parser)
    add("--stage", choices=ENHANCING_STAGES, help="band: stage 1; recompose: both stages (the checkpoint's own)")
    add("--opset", type=int, metavar="N", help="version of the ONNX operators (the one that torch recommends)")
    add("--no-timings", dest="timings", action="store_false", help="do not time it beside torch")
    add_version(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
