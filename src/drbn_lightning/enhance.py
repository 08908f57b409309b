"""Brighten photos: `python -m drbn_lightning.enhance PHOTOS... -o OUT`."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from drbn_lightning.command_line import add_allow_large, add_machine, add_network, add_version, between
from drbn_lightning.errors import DRBNError
from drbn_lightning.images.formats import WRITTEN
from drbn_lightning.inference.jobs import Job, check_output, find_photos, plan, refusal
from drbn_lightning.inference.left_out import Failure
from drbn_lightning.inference.streams import STREAM, emit, renamed, stored_input
from drbn_lightning.names import ENHANCING_STAGES, PRECISIONS
from drbn_lightning.terminal import FAILED, complain, exit_status, printable, settle

if TYPE_CHECKING:
    from drbn_lightning.inference.enhancer import Enhancer
    from drbn_lightning.inference.job_files import Done  # with OpenCV

EPILOG = """\
examples:
  drbn-enhance photo.jpg -o brighter.jpg
  drbn-enhance photos/ 'more/**/*.png' -o brighter/ --recursive
  drbn-enhance - -o - < photo.jpg > brighter.jpg

exit status: 0 if every photo was enhanced; 1 if one was not (the end says which, and why; a result that exists
already counts, unless --overwrite is given); 2 if the command is wrong; 130 after Ctrl-C"""

NAMED = 3
"""How many of the photos that are left as they are the report names."""


def main(argv: Sequence[str] | None = None) -> int:
    """Enhance what the command line says.

    Args:
        argv: the words after the command's name; by default the process's.

    Returns:
        The exit status, see `EPILOG`.

    Raises:
        SystemExit: the command is wrong (2), or help or version were asked for (0).
    """
    settle()
    parser = build_parser()
    options = parser.parse_args(argv)
    written: list[Done] = []
    return exit_status(
        lambda: enhance(options, parser, written), lambda: f"interrupted; photos enhanced before that: {len(written)}"
    )


def enhance(options: argparse.Namespace, parser: argparse.ArgumentParser, written: "list[Done]") -> int:
    """Find the photos, enhance them and report; what is done is added to `written`.

    Raises:
        DRBNError: no photo can be enhanced, or none any more.
        SystemExit: OUT contradicts the photos.
    """
    if STREAM not in (*options.photos, options.output):
        return _enhance(options, parser, written, options.photos)
    import tempfile  # most do not need it

    with tempfile.TemporaryDirectory(prefix="drbn-") as folder:
        stored = stored_input(Path(folder)) if STREAM in options.photos else None
        photos = [str(stored) if photo == STREAM else photo for photo in options.photos]
        if options.output != STREAM:
            return _enhance(options, parser, written, photos, stored)
        if len(photos) != 1 or options.compare or not Path(photos[0]).is_file():
            parser.error("-o - takes one photo, without --compare")
        target = Path(folder) / "out"
        options.output, options.quiet = str(target), True
        status = _enhance(options, parser, written, photos, stored)
        for done in written:
            emit(done.job.target)
        return status


def _enhance(
    options: argparse.Namespace,
    parser: argparse.ArgumentParser,
    written: "list[Done]",
    photos: Sequence[str],
    stored: Path | None = None,
) -> int:
    """See `enhance`; `stored` is the file that stands for standard input."""
    output, suffix = Path(options.output), f".{options.format}" if options.format else None
    inputs, failures = find_photos(photos, output, recursive=options.recursive, overwrite=options.overwrite)
    jobs = list[Job]()
    if inputs:
        try:
            check_output(inputs, output, suffix)
        except DRBNError as error:
            parser.error(str(error))
        jobs = plan(inputs, output, suffix=suffix, compare=options.compare)
    refused = [refusal(job, overwrite=options.overwrite) for job in jobs]
    failures += filter(None, refused)
    ready = [job for job, reason in zip(jobs, refused, strict=True) if reason is None]
    try:
        if ready:
            _enhance_all(ready, options, written, failures)
    finally:
        _report(written, [renamed(failure, stored) for failure in failures], output, quiet=options.quiet)
    return FAILED if failures else 0


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        "python -m drbn_lightning.enhance",
        usage="%(prog)s PHOTOS... -o OUT [options]; see --help",
        description="Brighten photos that were taken in the dark.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    files = parser.add_argument_group("files")
    add = files.add_argument
    add("photos", nargs="+", metavar="PHOTOS", help="files, folders, patterns such as 'photos/**/*.jpg', or - (stdin)")
    add("-o", "--output", required=True, metavar="OUT", help="folder of the results; a file, or - where PHOTOS is one")
    add("--recursive", action="store_true", help="look into subfolders, and make the same ones in OUT")
    add("--overwrite", action="store_true", help="replace results that exist already")
    add("--format", choices=[suffix[1:] for suffix in WRITTEN], help="format of the results (the photo's own)")
    add("--quality", type=between(int, 1, 100), default=95, metavar="1..100", help="of JPEG, WebP and AVIF (95)")
    add("--compare", action="store_true", help="write NAME_compare as well: before and after, side by side")
    add_allow_large(files)
    network = parser.add_argument_group("network")
    add = network.add_argument
    add("--stage", choices=ENHANCING_STAGES, help="band: faithful; recompose: to please the eye (the checkpoint's own)")
    add_network(network)
    strength = between(float, 0, 1)
    add("--strength", type=strength, default=1.0, metavar="0..1", help="how far to go: 0 not at all, 1 all the way (1)")
    add(
        "--self-ensemble", action="store_true", help="average over flips and turns: slightly better, eight times slower"
    )
    machine = parser.add_argument_group("machine")
    add = machine.add_argument
    add_machine(machine)
    add("--precision", choices=PRECISIONS, default="auto", help="of the calculation (auto: fast, and not seen)")
    add("--quiet", action="store_true", help="say nothing unless something is wrong")
    add_version(machine)
    return parser


def _enhance_all(
    jobs: Sequence[Job], options: argparse.Namespace, written: "list[Done]", failures: list[Failure]
) -> None:
    """Enhance the photos, with a progress bar where somebody may look at it."""
    from tqdm import tqdm  # type: ignore[import-untyped]  # its types are a package of their own

    from drbn_lightning.images.opening import any_size
    from drbn_lightning.inference.job_files import enhance_files  # with OpenCV

    with any_size(options.allow_large):
        enhancer = _load(options, jobs)
        hidden = True if options.quiet else None  # None: unless it goes to a terminal
        with tqdm(total=len(jobs), unit="photo", disable=hidden, leave=False) as bar:

            def show(job: Job, done: int, total: int) -> None:
                bar.set_postfix_str(f"{printable(job.source.name)} {done / total:.0%}")

            outcomes = enhance_files(jobs, enhancer, quality=options.quality, progress=show, written=written.append)
            with closing(outcomes):
                for failure in outcomes:
                    failures += [failure] if failure else []
                    bar.update()


def _load(options: argparse.Namespace, jobs: Sequence[Job]) -> "Enhancer":
    """The enhancer for some photos; what was chosen is said."""
    from drbn_lightning.inference.job_files import pixels_in_all
    from drbn_lightning.inference.loading import load_enhancer

    enhancer = load_enhancer(
        options.checkpoint,
        network=options.network,
        stage=options.stage,
        band=options.band,
        strength=options.strength,
        device=options.device,
        precision=options.precision,
        runtime=options.runtime,
        tile_size=options.tile,
        self_ensemble=options.self_ensemble,
        pixels=pixels_in_all(jobs),
    )
    if not options.quiet:
        sys.stdout.write(f"{enhancer.info}\n")
        sys.stdout.flush()
    return enhancer


def _report(written: "Sequence[Done]", failures: Sequence[Failure], output: Path, *, quiet: bool) -> None:
    """Say what was done, and name what was not on standard error."""
    if written and not quiet:
        sys.stdout.write(f"photos enhanced: {len(written)}, written to {printable(str(output))}\n")
        if left := [done.job.source.name for done in written if not done.changed]:
            names = ", ".join(map(printable, left[:NAMED])) + (", ..." if len(left) > NAMED else "")
            sys.stdout.write(f"nothing to brighten in {len(left)} of them, which are as they were: {names}\n")
        sys.stdout.flush()
    if failures:
        causes = "".join(f"\n  {failure.cause}" for failure in failures)
        complain(f"not enhanced: {sum(failure.files for failure in failures)}{causes}")


if __name__ == "__main__":
    sys.exit(main())
