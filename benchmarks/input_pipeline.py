"""The input pipeline alone: samples a second of a data module's training loader, against what training consumes.

    python benchmarks/input_pipeline.py
    python benchmarks/input_pipeline.py --step-seconds 1.2 data=lol_v1 data.root=PATH/TO/LOLdataset
    python benchmarks/input_pipeline.py --memory

Numbers of loading processes are measured in turn. `--step-seconds` says what one step of training takes
(`benchmarks/training.py`); the last line is how many times faster samples come. `--memory` loads an epoch of folders of
few and of many images, each in a process of its own, which says how much memory it holds beside the files that it maps.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import measuring
import numpy as np
from hydra import compose, initialize_config_module
from PIL import Image

from drbn_lightning.assembly import build_data
from drbn_lightning.data.datamodule import PairDataModule

SIZES, SIDE = (24, 96), 256
"""Numbers of images whose memory is compared, and their side in pixels."""


def main() -> int:
    """Measure what the command line says."""
    return measuring.run(build_parser(), measure)


def measure(options: argparse.Namespace) -> None:
    """Measure speed or memory."""
    if options.held:
        measuring.say(f"{held(options.overrides):.0f}")
    elif options.memory:
        memory(options)
    else:
        speed(options)


def speed(options: argparse.Namespace) -> None:
    """Seconds of an epoch of the loader for each number of processes."""
    with tempfile.TemporaryDirectory() as folder:
        loaders = {n: opened([*options.overrides, f"data.num_workers={n}"], Path(folder)) for n in options.workers}
        ways = {f"{n} loading processes": passing(data) for n, data in loaders.items()}
        seconds = measuring.in_turn(ways, options.rounds, options.clock)
    results, notes = measuring.figures(seconds), []
    for (name, result), data in zip(results.items(), loaders.values(), strict=True):
        assert data.train_set is not None
        rate = len(data.train_set) / result["median"]
        result["samples_per_second"] = rate
        again = f", {rate * options.step_seconds / data.batch_size:.1f} times what training consumes"
        notes.append(f"{name}: {rate:.1f} samples/s{again if options.step_seconds else ''}")
    measuring.report("input_pipeline", options, results, *notes)


def opened(overrides: list[str], folder: Path) -> PairDataModule:
    """The data module of a configuration, ready to train on."""
    with initialize_config_module("drbn_lightning.conf", version_base="1.3"):
        words = [f"paths.output_dir={folder}", f"paths.cache={folder / 'cache'}"]
        data = build_data(compose("train", overrides=["stage=band", *words, *overrides]))
    data.prepare_data()
    data.setup("fit")
    return data


def passing(data: PairDataModule) -> Callable[[], int]:
    """One pass through the training loader, whose processes stay."""
    loader = data.train_dataloader()
    return lambda: sum(len(batch.low) for batch in loader)


def memory(options: argparse.Namespace) -> None:
    """Memory held after an epoch, for each size of the data set."""
    found: dict[int, float] = {}
    for count in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            photos(root / "photos", count)
            words = [
                "data=photos",
                f"data.root={root / 'photos'}",
                "data.num_workers=0",
                f"paths.cache={root / 'cache'}",
            ]
            command = [sys.executable, __file__, "--held", "--threads", str(options.threads), *words]
            found[count] = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    fewest, most = (found[count] for count in SIZES)
    data = (SIZES[1] - SIZES[0]) * SIDE**2 * 3 / 2**20
    measuring.say(
        f"{SIZES[0]} images: {fewest:.0f} MiB, {SIZES[1]} images: {most:.0f} MiB; "
        f"the images between are {data:.0f} MiB when decoded"
    )


def held(overrides: list[str]) -> float:
    """MiB of this process after a pass through the loader, without files that are mapped."""
    with tempfile.TemporaryDirectory() as folder:
        passing(opened(overrides, Path(folder)))()
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon"))


def photos(folder: Path, count: int) -> None:
    """Write a folder of images of noise, none like another."""
    folder.mkdir()
    generator = np.random.default_rng(0)
    for number in range(count):
        coarse = generator.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((SIDE, SIDE)).save(folder / f"{number}.png")


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--workers", type=int, nargs="+", default=[0, 1, 2], help="numbers of loading processes (0 1 2)")
    add("--step-seconds", type=float, default=0.0, help="what a step of training takes")
    add("--memory", action="store_true", help="memory for few and for many images instead of speed")
    add("--held", action="store_true", help=argparse.SUPPRESS)
    add("overrides", nargs="*", metavar="key=value", help="as for a training; data=... (synthetic)")
    measuring.common(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
