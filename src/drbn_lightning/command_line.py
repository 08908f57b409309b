"""What the commands' lines have in common: which network, on which machine, and numbers within bounds."""

import argparse
from collections.abc import Callable
from typing import TypeVar

from drbn_lightning import __version__
from drbn_lightning.names import DEFAULT_NETWORK, RUNTIMES

Number = TypeVar("Number", int, float)
Options = argparse.ArgumentParser | argparse._ArgumentGroup


def add_network(options: Options) -> None:
    """Options that name a network: `--network`, `--checkpoint` and `--band`, as `load_enhancer` takes them."""
    add = options.add_argument
    add("--network", default=DEFAULT_NETWORK, metavar="NAME", help=f"comes with the package ({DEFAULT_NETWORK})")
    add("--checkpoint", metavar="FILE", help="a trained network of your own")
    add("--band", metavar="FILE", help="stage 1 of a checkpoint of stage 2, where it is elsewhere")


def add_machine(options: Options) -> None:
    """Options that say what runs the network: `--device`, `--runtime` and `--tile`, as `load_enhancer` takes them."""
    add = options.add_argument
    add("--device", default="auto", help="cpu, cuda, mps, ... (auto: a GPU where there is one)")
    add("--runtime", choices=RUNTIMES, default="auto", help="what runs the network (auto: the fastest for the photos)")
    add("--tile", type=int, metavar="N", help="side of the tiles that large photos are cut into (what memory allows)")


def add_allow_large(options: Options) -> None:
    """`--allow-large`, as `drbn_lightning.images.opening.any_size` takes it."""
    options.add_argument("--allow-large", action="store_true", help="read photos of more than 179 million pixels, too")


def add_version(options: Options) -> None:
    """`--version`, which says the package's and ends."""
    options.add_argument("--version", action="version", version=f"drbn_lightning {__version__}")


def between(kind: type[Number], least: Number, most: Number) -> Callable[[str], Number]:
    """What reads a number of the command line, for the argument `type` of argparse.

    Args:
        kind: `int` or `float`.
        least: the smallest that is taken.
        most: the largest.

    Example:
        >>> between(int, 1, 100)("95")
        95
    """

    def read(text: str) -> Number:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text} is not between {least} and {most}")
        return value

    return read


def positive(text: str) -> int:
    """Read a whole number above 0, for the argument `type` of argparse."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number above 0")
    return int(text)
