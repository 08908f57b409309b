"""A training step alone, beside a busy loop and beside another training, for several ways in which threads wait.

    python benchmarks/busy.py --size 96

Each way is a process of its own, since OpenMP reads its settings when it is loaded; the processes take turns.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import measuring
from training import images, own_step

from drbn_lightning.terminal import THREADS_WAIT, WAITS_OTHERWISE

WAYS = {
    "by default": {},
    "ours": THREADS_WAIT,
    "passive": {"OMP_WAIT_POLICY": "passive"},
    "spin of 10000": {"GOMP_SPINCOUNT": "10000"},
    "one thread": {"OMP_NUM_THREADS": "1"},
}
LOOP = [sys.executable, "-c", "while True: pass"]


class Worker:
    """A process that does a step whenever it is told to."""

    def __init__(self, options: argparse.Namespace, variables: dict[str, str]) -> None:
        """Start it, and wait until it has done a step that does not count."""
        others = (*WAITS_OTHERWISE, "OMP_NUM_THREADS")
        environment = {name: value for name, value in os.environ.items() if name not in others} | variables
        words = [sys.executable, __file__, "--work", "--size", str(options.size), "--batch", str(options.batch)]
        self.process = subprocess.Popen(
            words, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.step()

    def tell(self) -> None:
        """Have it do a step."""
        assert self.process.stdin is not None
        self.process.stdin.write("step\n")
        self.process.stdin.flush()

    def step(self) -> None:
        """Have it do a step, and wait until it is done."""
        self.tell()
        assert self.process.stdout is not None
        if not self.process.stdout.readline():
            raise RuntimeError("a process that was to be measured has ended")

    def end(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()


def main() -> int:
    """Measure what the command line says."""
    parser = build_parser()
    if parser.parse_args().work:
        return work(parser.parse_args())
    return measuring.run(parser, measure)


def measure(options: argparse.Namespace) -> None:
    """Measure every way, alone and beside each neighbour."""
    chosen = {name: WAYS[name] for name in options.ways}
    workers = {name: Worker(options, variables) for name, variables in chosen.items()}
    results: dict[str, list[float]] = {}
    try:
        for neighbour in ("alone", "beside a loop", "beside a training"):
            with beside(neighbour, options):
                ways = {f"{neighbour}: {name}": worker.step for name, worker in workers.items()}
                results |= measuring.in_turn(ways, options.rounds)
    finally:
        for worker in workers.values():
            worker.end()
    measuring.report("busy", options, measuring.figures(results))


@contextmanager
def beside(neighbour: str, options: argparse.Namespace) -> Iterator[None]:
    """Keep a neighbour busy meanwhile."""
    if neighbour == "alone":
        yield
    elif neighbour == "beside a loop":
        loop = subprocess.Popen(LOOP)
        try:
            yield
        finally:
            loop.kill()
            loop.wait()
    else:
        other = Worker(options, dict(THREADS_WAIT))
        for _ in range(1000):  # more than will be done
            other.tell()
        try:
            yield
        finally:
            other.end()


def work(options: argparse.Namespace) -> int:
    """Do a step for each line of standard input."""
    step = own_step(*images(options.batch, options.size, "cpu"))
    for _ in sys.stdin:
        step()
        measuring.say("done")
    return 0


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=96, help="side of the crops in pixels (96)")
    parser.add_argument("--batch", type=int, default=4, help="crops a step (4)")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS), help="of waiting (all)")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    measuring.common(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
