"""How long the enhancing commands take from a cold start, and how much memory: what a person waits for.

    python benchmarks/commands.py --photo PHOTO --large LARGE --folder FOLDER --rounds 5

Every command runs in a process of its own, in turns, so that whatever else the machine does falls on all alike. Printed
are the median, the least and the largest of the rounds, the median of the processor's seconds, which other programs
disturb less, and the peak resident memory of the worst.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from drbn_lightning.names import DEFAULT_NETWORK

ENHANCE = [sys.executable, "-m", "drbn_lightning.enhance"]
RUNTIMES = ("torch", "onnx", "openvino", "auto")


class Run(NamedTuple):
    """Seconds, the processor's seconds and peak resident memory in MB of commands, one after the other."""

    seconds: float
    processor: float
    memory: float


def measured(commands: list[list[str]]) -> Run:
    """Run commands one after the other."""
    start, processor, memory = perf_counter(), 0.0, 0.0
    for command in commands:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"error: {' '.join(command)} ends with {process.returncode}")
        processor += usage.ru_utime + usage.ru_stime
        memory = max(memory, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6)
    return Run(perf_counter() - start, processor, memory)


def cases(options: argparse.Namespace, out: Path) -> dict[str, list[list[str]]]:
    """What is measured, by name."""
    made: dict[str, list[list[str]]] = {"--help": [[*ENHANCE, "--help"]]}

    def enhance(source: Path, runtime: str) -> list[str]:
        words = ["--network", options.network, "--runtime", runtime, "--overwrite", "--quiet"]
        return [*ENHANCE, str(source), "-o", str(out / runtime), *words]

    for name, photo in (("photo", options.photo), ("large", options.large), ("folder", options.folder)):
        if photo is not None:
            made |= {f"{name}, {runtime}": [enhance(photo, runtime)] for runtime in options.runtimes}
    if options.folder is not None:
        photos = sorted(path for path in options.folder.iterdir() if path.is_file())
        made["folder, a command for each photo"] = [enhance(photo, options.runtimes[-1]) for photo in photos]
    return made


def main() -> None:
    """Measure what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photo", type=Path, metavar="FILE", help="a small photo")
    parser.add_argument("--large", type=Path, metavar="FILE", help="a large one")
    parser.add_argument("--folder", type=Path, metavar="FOLDER", help="of photos")
    parser.add_argument("--runtimes", nargs="+", default=RUNTIMES, choices=RUNTIMES, help="to compare (all)")
    parser.add_argument("--network", default=DEFAULT_NETWORK, help=f"pretrained network ({DEFAULT_NETWORK})")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is run (5)")
    parser.add_argument("--verbose", action="store_true", help="say what each round took")
    options = parser.parse_args()
    say(f"{datetime.now(UTC):%d %B %Y}, {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        runs: dict[str, list[Run]] = {}
        for _ in range(options.rounds):
            for name, commands in cases(options, Path(folder)).items():
                runs.setdefault(name, []).append(measured(commands))
                if options.verbose:
                    say(f"{name}: {runs[name][-1]}")
    for name, results in runs.items():
        seconds, memory = [run.seconds for run in results], max(run.memory for run in results)
        spread = f"{min(seconds):.2f} to {max(seconds):.2f}"
        processor = statistics.median(run.processor for run in results)
        say(f"{name:34} {statistics.median(seconds):7.2f} s  ({spread})  {processor:7.2f} s CPU  {memory:6.0f} MB")


def say(text: str) -> None:
    """Print."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
