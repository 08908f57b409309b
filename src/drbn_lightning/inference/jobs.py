"""Which photos a command line means, and where their results go. Needs no torch, so that mistakes are said at once."""

import glob
import itertools
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from drbn_lightning.errors import DRBNError
from drbn_lightning.images.folders import natural_key
from drbn_lightning.images.formats import LISTED, WRITTEN
from drbn_lightning.inference.left_out import Failure, Unread, counted, unread

LONGEST_NAME = 255
"""Bytes that the names of files may have on all usual file systems."""


class InputPhoto(NamedTuple):
    """A photo, and the folder below OUT that its result belongs into; `named` if it is not from a folder."""

    path: Path
    folder: Path = Path()
    named: bool = True


class Job(NamedTuple):
    """A photo, the file for its result, and one for both side by side where that is asked for."""

    source: Path
    target: Path
    compare: Path | None = None


def find_photos(
    arguments: Sequence[str], output: Path, *, recursive: bool = False, overwrite: bool = False
) -> tuple[list[InputPhoto], list[Failure]]:
    """Find the photos that files, folders and patterns (`*`, `?`, `[...]`, `**`) stand for, each one once.

    What is named counts whatever its suffix. Out of folders come the files that look like images, in natural order,
    but for hidden ones; raw files, of which there are JPEG files beside as a rule, and what cannot be read are counted
    by their kind. A photo that exists is no pattern, even with a `[` in its name.

    Args:
        arguments: files, folders and patterns.
        output: OUT; what lies below it is never taken out of a folder that it is inside.
        recursive: look into the subfolders of folders, too.
        overwrite: OUT may be one of the folders.

    Returns:
        The photos, and the arguments without any, and what was left out.
    """
    photos: dict[Path, InputPhoto] = {}
    failures, left_out = list[Failure](), dict[Path, Unread]()
    for argument in arguments:
        for photo in _of_argument(argument, output, recursive=recursive, overwrite=overwrite):
            if isinstance(photo, Failure):
                failures.append(photo)
            elif isinstance(photo, Unread):
                left_out.setdefault(_real(photo.path), photo)
            else:
                photos.setdefault(_real(photo.path), photo)
    return list(photos.values()), failures + counted([entry for path, entry in left_out.items() if path not in photos])


def plan(photos: Sequence[InputPhoto], output: Path, *, suffix: str | None = None, compare: bool = False) -> list[Job]:
    """Give each photo a result of its own; the same photos in the same order always get the same names.

    Of several results with one name (in upper or lower case) the first keeps it. The others get the photo's old
    suffix, its folder or a number into their names. No result takes the place of another photo.

    Args:
        photos: what was found.
        output: the folder of the results, or the file where there is one photo and OUT names an image.
        suffix: of the results, with its dot; by default the photo's own, or `.png` where that cannot be written.
        compare: plan images side by side as well.
    """
    if is_file(photos, output):
        return [Job(photos[0].path, output, _beside(output) if compare else None)]
    sources = {_key(photo.path): photo.path for photo in photos}
    used = set[str]()
    jobs = list[Job]()
    for photo in photos:
        own = photo.path.suffix.lower()
        ending = suffix or (photo.path.suffix if own in WRITTEN else ".png")
        for name in _names(photo.path, ending):
            target = output / photo.folder / name
            beside = _beside(target) if compare else None
            keys = {_key(file) for file in (target, beside) if file}
            others = {key for key in keys if sources.get(key, photo.path) != photo.path}
            if not keys & used and not others:
                break
        used |= keys
        jobs.append(Job(photo.path, target, beside))
    return jobs


def check_output(photos: Sequence[InputPhoto], output: Path, suffix: str | None) -> None:
    """Raise a DRBNError where OUT cannot be meant: a file for several photos, or one that cannot be written."""
    ending = output.suffix.lower()
    if _is_folder(output):
        return
    if is_file(photos, output):
        if suffix and WRITTEN[ending] != WRITTEN[suffix]:
            raise DRBNError(f"-o {output} and --format {suffix[1:]} contradict each other; leave one out")
    elif os.path.lexists(output) or ending in WRITTEN:
        raise DRBNError(f"-o {output} names a file; for a folder or several photos, name a folder")
    elif ending in LISTED:
        raise DRBNError(f"-o {output} names a format that cannot be written; use one of {', '.join(WRITTEN)}")


def is_file(photos: Sequence[InputPhoto], output: Path) -> bool:
    """Whether OUT is a file: where one photo was named, and OUT ends as an image does and is no folder."""
    return len(photos) == 1 and photos[0].named and output.suffix.lower() in WRITTEN and not _is_folder(output)


def refusal(job: Job, *, overwrite: bool) -> Failure | None:
    """Why a photo must not be enhanced: its result is there already. With `overwrite` that is no reason."""
    there, own = [file for file in (job.target, job.compare) if file and os.path.lexists(file)], False
    if overwrite or not there:
        return None
    with suppress(OSError):  # one of them is a link to nowhere
        own = there[0].samefile(job.source)
    if own:
        cause = f"{job.source} would be replaced by its own result; choose another OUT, or give --overwrite"
    else:
        cause = f"{job.source} is left out: {there[0]} exists already; give --overwrite to replace it"
    return Failure(str(job.source), cause)


def _of_argument(
    argument: str, output: Path, *, recursive: bool, overwrite: bool
) -> Iterator[InputPhoto | Failure | Unread]:
    try:
        paths = _expanded(argument, output)
    except DRBNError as error:
        yield Failure(argument, str(error))
        return
    for path in paths:
        if isinstance(path, Unread):
            yield path
            continue
        try:
            yield from _of_path(path, output, recursive=recursive, overwrite=overwrite)
        except DRBNError as error:
            yield Failure(str(path), str(error))


def _of_path(path: Path, output: Path, *, recursive: bool, overwrite: bool) -> Iterator[InputPhoto | Failure | Unread]:
    if not _is_folder(path):
        yield InputPhoto(path)
        return
    inside = _real(path) == _real(output)
    if inside and not overwrite:
        raise DRBNError(f"{path} is OUT as well; choose another OUT, or give --overwrite to replace the photos")
    listed = list(_listed(path, None if inside else _real(output), recursive=recursive))
    if not listed:
        hint = "" if recursive else "; --recursive looks into its subfolders, too"
        raise DRBNError(f"The folder {path} holds no image (looked for {', '.join(sorted(LISTED))}){hint}")
    yield from listed


def _expanded(argument: str, output: Path) -> list[Path | Unread]:
    """The files and folders that an argument stands for, and what is left out.

    A pattern may name a suffix that nothing is taken out of folders by: `*.NEF`.

    Raises:
        DRBNError: there are none.
    """
    if os.path.lexists(argument):
        return [Path(argument)]
    if not glob.has_magic(argument):
        raise DRBNError(f"{argument} does not exist; check the path")
    matches = [Path(match) for match in glob.glob(argument, recursive=True)]  # noqa: PTH207  # may be absolute
    folders, out = "**" not in argument, _real(output)
    matches = [path for path in matches if folders or not _is_folder(path)]
    if out in _real(_start(argument)).parents or out == _real(_start(argument)):
        out = Path()  # the pattern begins in OUT, so what lies there is meant
    matches = [path for path in matches if out not in (_real(path), *_real(path).parents)]
    asked = {*LISTED, Path(argument).suffix.lower()}
    images = [path for path in matches if _is_folder(path) or path.suffix.lower() in asked]
    others = [other for path in matches if path not in images and (other := unread(path))]
    if not images and not others:
        raise DRBNError(f"{argument} matches no image; check the pattern")
    return [*sorted(images, key=lambda path: natural_key(str(path))), *others]


def _start(pattern: str) -> Path:
    """The folder that a pattern begins in: its parts before the first one with `*`, `?` or `[`."""
    return Path(*itertools.takewhile(lambda part: not glob.has_magic(part), Path(pattern).parts))


def _listed(folder: Path, output: Path | None, *, recursive: bool) -> Iterator[InputPhoto | Failure | Unread]:
    """The images in a folder, those of its subfolders after its own, and what looks like one and is left out."""
    try:
        entries = sorted(folder.iterdir(), key=lambda path: natural_key(path.name))
    except OSError as error:
        yield Failure(str(folder), f"The folder {folder} cannot be read ({error.strerror}); check its permissions")
        return
    entries = [entry for entry in entries if not entry.name.startswith(".")]
    for entry in entries:
        if _is_folder(entry):
            continue
        if other := unread(entry):
            yield other
        elif entry.suffix.lower() in LISTED:
            yield InputPhoto(entry, named=False)
    for entry in entries if recursive else []:
        if _is_folder(entry) and not entry.is_symlink() and _real(entry) != output:
            for photo in _listed(entry, output, recursive=True):
                yield photo._replace(folder=entry.name / photo.folder) if isinstance(photo, InputPhoto) else photo


def _names(path: Path, ending: str) -> Iterator[str]:
    """Names for a result, the best one first."""
    stem, own = path.stem, path.suffix.lower()
    yield _fitted(stem, ending)
    if own and own != ending:
        yield _fitted(stem, f"_{own[1:]}{ending}")
    if _real(path).parent.name:
        yield _fitted(f"{_real(path).parent.name}_{stem}", ending)
    yield from (_fitted(stem, f"_{number}{ending}") for number in itertools.count(2))


def _beside(target: Path) -> Path:
    return target.with_name(_fitted(target.stem, f"_compare{target.suffix}"))


def _fitted(stem: str, tail: str) -> str:
    """Both together, the first one cut where file systems do not allow so long a name."""
    while len(os.fsencode(stem + tail)) > LONGEST_NAME:
        stem = stem[:-1]
    return stem + tail


def _key(path: Path) -> str:
    """The same for two paths of one file, also where upper and lower case are the same."""
    return str(_real(path)).lower()


def _real(path: Path) -> Path:
    """Without symbolic links; `Path.resolve` would raise where they go round in circles."""
    return Path(os.path.realpath(path))


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112  # `Path.is_dir` raises where it is not permitted to look
