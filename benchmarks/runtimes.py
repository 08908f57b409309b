"""Time and peak memory of a network by every runtime that is installed, on this machine's CPU.

    python benchmarks/runtimes.py --released PATH/official_stage1.pt
    python benchmarks/runtimes.py --memory --size 1024 1024

Each way runs in turn, so that whatever else the machine does falls on all alike. With `--released` the released
network is run too, in the way the released code does: float32, channels first. With `--memory` each way runs in a
process of its own, which reports its peak resident memory.
"""

import argparse
import os
import platform
import resource
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from drbn_lightning.checkpoints.artifact import load as load_artifact
from drbn_lightning.command_line import add_network
from drbn_lightning.errors import DRBNError
from drbn_lightning.export import load
from drbn_lightning.inference.runtimes.export import cached_export
from drbn_lightning.inference.timing import interleaved, timing_table, ways_to_run
from drbn_lightning.networks.first_guess import thumbnails_of
from drbn_lightning.types import Method, Pixels


def main() -> int:
    """Measure what the command line says."""
    options = build_parser().parse_args()
    torch.set_num_threads(options.threads)
    try:
        if options.cache is not None:
            measure(options, options.cache)
        else:
            with TemporaryDirectory() as folder:
                measure(options, Path(folder))
    except DRBNError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


def measure(options: argparse.Namespace, folder: Path) -> None:
    """Time each way, or have its memory measured, or run the one way that is asked for."""
    model = load(options)
    ways, notes = ways_to_run(model.network, cached_export(model, folder), options.threads)
    if options.released is not None:
        ways = {"released, torch": lambda: as_released(options.released)} | ways
    if options.only is not None:
        say(f"{peak_memory(ways[options.only], *image(options)):.0f}")
        return
    say("\n".join([machine(options), f"stage={model.stage}, one image of {options.size[0]} x {options.size[1]}"]))
    if options.memory:
        for name in ways:
            say(f"{name:20} peak resident memory {in_own_process(name, folder)} MiB, libraries and all")
    else:
        methods = {name: make() for name, make in ways.items()}
        say(timing_table(interleaved(methods, *image(options), options.rounds)))
    say("\n".join(notes))


def as_released(path: Path) -> Method:
    """The released network as its code runs it."""
    network = load_artifact(path, "band").network

    @torch.inference_mode()
    def enhance(low: Pixels, thumbnail: Pixels) -> Pixels:
        full: Tensor = network(torch.from_numpy(low), torch.from_numpy(thumbnail)).full
        return full.numpy()

    return enhance


def peak_memory(make: Callable[[], Method], low: Pixels, thumbnail: Pixels) -> float:
    """Peak resident memory of this process, in MiB, after an image and two smaller ones."""
    method = make()
    for part in (low, low, low[..., : low.shape[-1] * 2 // 3], low[..., : low.shape[-2] * 2 // 3, :], low):
        method(part, thumbnail)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def in_own_process(only: str, folder: Path) -> str:
    """What this command says of one way alone."""
    command = [sys.executable, *sys.argv, "--cache", str(folder), "--only", only]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def image(options: argparse.Namespace) -> tuple[Pixels, Pixels]:
    """A dark image of noise, and its thumbnail."""
    low = torch.rand(1, 3, *options.size, generator=torch.Generator().manual_seed(0)) ** 3
    return low.numpy(), thumbnails_of(low).numpy()


def machine(options: argparse.Namespace) -> str:
    """Date, processor, threads and how busy the machine is."""
    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    return (
        f"{datetime.now(UTC):%d %B %Y}, {(names or [platform.processor()])[0]}, {os.cpu_count()} cores, "
        f"threads: {options.threads}, load before: {load}, torch {torch.__version__}"
    )


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add_network(parser)
    add("--stage", choices=("band", "recompose"), help="stage 1, or both (the checkpoint's own)")
    add("--released", type=Path, metavar="FILE", help="official weights of stage 1, to run beside")
    add("--size", type=int, nargs=2, default=(400, 600), metavar=("H", "W"), help="of the image (400 600)")
    add("--rounds", type=int, default=5, help="how often each way is run (5)")
    add("--threads", type=int, default=torch.get_num_threads(), help="of each way (as many as torch uses)")
    add("--memory", action="store_true", help="peak memory instead of time")
    add("--only", help=argparse.SUPPRESS)
    add("--cache", type=Path, help=argparse.SUPPRESS)
    return parser


def say(text: str) -> None:
    """Print."""
    if text:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
