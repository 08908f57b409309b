"""What stands in tests for the names that documents write in capitals, such as PATH/TO/PHOTOS: made up, tiny."""

import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from zlib import crc32

import numpy as np
import torch

from drbn_lightning.checkpoints.pretrained import pretrained_path
from drbn_lightning.data.simulation.scenes import scene
from drbn_lightning.images.rgb import write_png
from tests.data.unpaired.photo_tables import pixels, write_ava, write_photo, write_photos
from tests.documented import Block
from tests.golden import vgg_state
from tests.running import published
from tests.runs.folders import run_folder

Maker = Callable[[Path], object]

SIDE = 40  # of LOL's images
RATED = range(24)
EVAL15 = ("1", "778")
_TOKEN = re.compile(r"[\w./*-]+")
_CAPITALS = re.compile(r"[A-Z][A-Z0-9_]*(\.\w+)?")


def pairs(low: Path, normal: Path, names: Sequence[str]) -> None:
    """Pairs of scenes, all different."""
    for name in names:
        seed = crc32(f"{normal}/{name}".encode())
        image = (scene(np.random.default_rng(seed), SIDE, SIDE) * 255).byte().permute(1, 2, 0).numpy()
        write_png(normal / f"{name.replace('low', 'normal')}.png", image)
        write_png(low / f"{name}.png", image // 8)


def lol_v1(root: Path) -> None:
    """A few pairs of LOL-v1, of which some are test pairs of LOL-v2-real."""
    for split, numbers in (("our485", (2, 3, 4, 5, 6, 7, 690, 691)), ("eval15", EVAL15)):
        pairs(root / split / "low", root / split / "high", [str(number) for number in numbers])


def lol_v2(root: Path) -> None:
    """A few pairs of LOL-v2-real."""
    for split, numbers in (("Train", range(1, 7)), ("Test", range(690, 692))):
        folder = root / "Real_captured" / split
        pairs(folder / "Low", folder / "Normal", [f"low{number:05}" for number in numbers])


def photos(folder: Path) -> None:
    """Photos with names of their own, so that no two folders hold the same."""
    write_photos(folder, [f"{folder.name}{number}.png" for number in RATED])


def scores(table: Path) -> None:
    """What people think of `PATH/TO/PHOTOS`."""
    rows = [f"PHOTOS{number}.png,{2 + number % 8}" for number in RATED]
    table.write_text("\n".join(["name,score", *rows]) + "\n")


def ava(root: Path) -> None:
    """Photos from 2 to 9."""
    rated = {1000 + number: 2 + number % 8 for number in RATED}
    write_ava(root / "AVA.txt", rated)
    write_photos(root / "images", [f"{image}.jpg" for image in rated])


def network(path: Path) -> None:
    """Stage 1 as it ships."""
    path.write_bytes(pretrained_path("band").read_bytes())


def three_photos(folder: Path) -> None:
    """Three photos below a folder."""
    write_photos(folder, [f"{folder.name}{number}.png" for number in range(3)])


def sweep(folder: Path) -> None:
    """A sweep of two jobs, finished."""
    for number in range(2):
        run_folder(folder / str(number), f"network.recursions={number + 1}")


def new(_: Path) -> None:
    """Nothing: the command makes it."""


STAND_INS: dict[str, Maker] = {
    "PATH": network,
    "A.pt": network,
    "B.pt": network,
    "BAND.pt": network,
    "OLD.pt": network,
    "PATH/TO/LOLdataset": lol_v1,
    "PATH/TO/LOL-v2": lol_v2,
    "PATH/TO/PHOTOS": photos,
    "PATH/TO/GOOD_PHOTOS": photos,
    "PATH/TO/BAD_PHOTOS": photos,
    "PATH/TO/LOW_LIGHT_PHOTOS": photos,
    "PATH/TO/AVA": ava,
    "PATH/TO/vgg16.pth": lambda path: torch.save(vgg_state(), path),
    "PATH/TO/VGG16": lambda path: torch.save(vgg_state(), path),
    "PHOTO.jpg": lambda path: write_photo(path, pixels("PHOTO")),
    "PHOTOS": three_photos,
    "MORE/**/*.png": three_photos,
    "BRIGHTER.jpg": new,
    "BRIGHTER": new,
    "LOW": lambda low: pairs(low, low.with_name("NORMAL"), ["1", "2"]),
    "NORMAL": new,  # made with LOW
    "PATH/TO/IAT": lambda folder: pairs(folder, folder.with_name("TARGETS"), EVAL15),
    "RESULTS": lambda results: pairs(results, results.with_name("TARGETS"), ["1", "2"]),
    "ENTITY/drbn_lightning": new,
    "SWEEP": sweep,
    "FOLDER": new,
}
"""A name, and what makes its stand-in at a path. A new name in a document needs a line here."""
RENAMED = {"PATH": "PATH.pt"}  # PATH is a folder too


class UnknownNameError(Exception):
    """A document has a name in capitals that nothing stands for."""


def names_in(*words: str) -> list[str]:
    """The names in capitals in the values of a command's words, with the paths that they are parts of."""
    tokens = [token.rstrip("/") for word in words for token in _TOKEN.findall(word.split("=", 1)[-1])]
    return [token for token in tokens if any(_CAPITALS.fullmatch(part) for part in token.split("/"))]


def filled(word: str, folder: Path) -> str:
    """A word of a command, whose names in capitals now are there, below the `folder` that the command runs in.

    Raises:
        UnknownNameError: the table does not know a name.
    """
    key, equals, value = word.partition("=") if "=" in word else ("", "", word)
    return key + equals + _TOKEN.sub(lambda token: _filled(token[0], folder), value)


def _filled(token: str, folder: Path) -> str:
    if not names_in(token):
        return token
    name = token.rstrip("/")
    if name not in STAND_INS:
        raise UnknownNameError(f"nothing stands for {name} yet: add it to STAND_INS in tests/stand_ins.py")
    renamed = RENAMED.get(name, name)
    place = folder / renamed.split("/*")[0]
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        STAND_INS[name](place)
    return token.replace(name, renamed)


def furnish(place: Path, shown: Sequence[Block]) -> None:
    """Make the folder of a document: a table of scores, and the files that the document shows."""
    place.mkdir()
    scores(place / "scores.csv")
    for block in shown:
        if block.file:
            (place / block.file).parent.mkdir(parents=True, exist_ok=True)
            (place / block.file).write_text(block.text)


def publish(artifacts: Path) -> None:
    """Put networks of all stages where trainings put them: a tiny discriminator, and what ships with the package."""
    published(artifacts)
    for stage in ("band", "recompose"):
        shutil.copyfile(pretrained_path(stage), artifacts / f"{stage}.pt")
