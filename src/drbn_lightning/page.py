"""A page in the browser that brightens photos: `python -m drbn_lightning.page`. Of this machine only, by default."""

import argparse
import os
import socket
import sys
import tempfile
import webbrowser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from drbn_lightning.command_line import add_allow_large, add_machine, add_network, add_version, positive
from drbn_lightning.errors import DRBNError
from drbn_lightning.extras import extra
from drbn_lightning.terminal import exit_status, settle

FIRST_PORT, PORTS = 7860, 100
QUIET = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_OFFLINE": "1"}
"""Settings without which Gradio asks the network for newer versions, and tells it that it runs."""


def main(argv: Sequence[str] | None = None) -> int:
    """Show the page until Ctrl-C.

    Args:
        argv: the words after the command's name; by default the process's.

    Returns:
        The exit status: 1 where the page cannot be shown, 130 after Ctrl-C.

    Raises:
        SystemExit: the command is wrong (2), or help or version were asked for (0).
    """
    settle()
    options = build_parser().parse_args(argv)

    def task() -> None:
        from drbn_lightning.images.opening import any_size

        with (
            tempfile.TemporaryDirectory(prefix="drbn-page-", ignore_cleanup_errors=True) as folder,
            any_size(options.allow_large),
        ):
            serve(options, Path(folder))

    return exit_status(task, lambda: "closed")


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        "python -m drbn_lightning.page",
        description="A page in the browser: drop a photo, compare before and after, download the result.",
        epilog="Ctrl-C ends it. Nothing is kept, and nothing leaves the machine.",
    )
    add_network(parser)
    add_machine(parser)
    add_allow_large(parser)
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 lets everybody in (127.0.0.1: nobody else)")
    add("--port", type=int, metavar="N", help=f"port to listen on (the first free one from {FIRST_PORT})")
    add("--open", action="store_true", help="open the page in the browser")
    add("--max-side", type=positive, default=1600, metavar="N", help="longest side of what is shown, in pixels (1600)")
    add("--max-upload", type=positive, default=512, metavar="MB", help="largest file that is taken (512)")
    add_version(parser)
    return parser


def serve(options: argparse.Namespace, folder: Path) -> None:
    """Show the page until the process is interrupted.

    Args:
        options: see `build_parser`.
        folder: for all temporary files.

    Raises:
        DRBNError: Gradio is not installed, a network cannot be loaded, or the port is taken.
        KeyboardInterrupt: Ctrl-C, or a request to end.
    """
    port = free_port(options.host, options.port)
    os.environ.update(QUIET | {"GRADIO_TEMP_DIR": str(folder / "cache"), "HF_HOME": str(folder / "hub")})
    with without_proxies():
        extra("gradio", "page")  # before all that takes seconds
        from drbn_lightning.tasks.page import Work, build, launch_options

        work = Work(folder, options)
        page = build(work)
    try:
        with without_proxies():
            _, address, _ = page.launch(**launch_options(options, port, folder))
        sys.stdout.write(f"The page is at {address} (Ctrl-C ends it)\n{work.info}\n")
        sys.stdout.flush()
        if options.open:
            webbrowser.open(address)
        while not Event().wait(60):
            pass
    finally:
        page.close(verbose=False)


@contextmanager
def without_proxies() -> Iterator[None]:
    """Have nobody ask a proxy for the page, which Gradio looks at once itself; the browser has the proxies again."""
    before = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    for name in before:
        del os.environ[name]
    os.environ.update(dict.fromkeys(("no_proxy", "NO_PROXY"), "*"))  # nor those of the system's settings
    try:
        yield
    finally:
        for name in ("no_proxy", "NO_PROXY"):
            del os.environ[name]
        os.environ.update(before)


def free_port(host: str, port: int | None) -> int:
    """The port asked for, or the first free one.

    Raises:
        DRBNError: it is taken, or there is no such address.
    """
    candidates = range(FIRST_PORT, FIRST_PORT + PORTS) if port is None else [port]
    reason = ""
    for candidate in candidates:
        try:
            with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as tried:
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                tried.bind((host, candidate))
                return int(tried.getsockname()[1])
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
    where = f"{host}:{port}" if port is not None else f"{host}:{candidates[0]} to {candidates[-1]}"
    raise DRBNError(f"the page cannot listen at {where} ({reason}); choose another --port or --host")


if __name__ == "__main__":
    sys.exit(main())
