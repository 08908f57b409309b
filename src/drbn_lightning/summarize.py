"""Turn a sweep's folder into one table and one plot: `python -m drbn_lightning.summarize multirun/DATE/TIME`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from drbn_lightning.command_line import add_version
from drbn_lightning.runs.sweep_summary import CSV, MARKDOWN, PLOT, summarize
from drbn_lightning.terminal import exit_status, say, settle


def main(argv: Sequence[str] | None = None) -> int:
    """Summarize what the command line says.

    Args:
        argv: the words after the command's name; by default the process's.

    Returns:
        The exit status: 0, 1 after an error, 130 after Ctrl-C.

    Raises:
        SystemExit: the command is wrong (2), or help or version were asked for (0).
    """
    settle()
    options = build_parser().parse_args(argv)

    def task() -> None:
        say(summarize(options.sweep, options.by))
        say(f"\nwritten: {', '.join(str(options.sweep / name) for name in (CSV, MARKDOWN, PLOT))}")

    return exit_status(task)


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        "python -m drbn_lightning.summarize",
        description="Turn a sweep's folder into one table (CSV, Markdown) and one plot, with what varied as columns.",
    )
    parser.add_argument("sweep", type=Path, metavar="SWEEP", help="the folder of a multirun")
    parser.add_argument("--by", nargs="+", metavar="KEY", help="keys to show as columns (those that varied)")
    add_version(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
