"""The weights that ship with the package, verified before they are read.

`python -m drbn_lightning.checkpoints.pretrained FOLDER` puts new ones, `band.pt` and `recompose.pt`, in their place.
"""

import hashlib
import sys
from importlib import resources
from pathlib import Path

from drbn_lightning.checkpoints.artifact import header, save
from drbn_lightning.checkpoints.enhancement_model import load_model
from drbn_lightning.errors import DRBNError
from drbn_lightning.files import written_beside
from drbn_lightning.names import ENHANCING_STAGES

DEFAULT_STAGE = "band"
SUMS = "SHA256SUMS"
"""Digests of the weights, one a line as `sha256sum` writes and checks them."""
PRIVATE = ("config", "overrides")
"""What provenance says of paths."""


def pretrained_path(stage: str = DEFAULT_STAGE, folder: Path | None = None) -> Path:
    """The checkpoint of a stage that ships with the package; its SHA-256 is verified, and that of its stage 1.

    Args:
        stage: `band` or `recompose`.
        folder: where the weights are; by default inside the package.

    Raises:
        DRBNError: there is no such stage, or the file is missing or damaged.
    """
    if stage not in ENHANCING_STAGES:
        raise DRBNError(f"stage={stage} ships no weights; use {' or '.join(ENHANCING_STAGES)}")
    folder = weights_folder() if folder is None else folder
    sums = _read_sums(folder / SUMS)
    for needed in ENHANCING_STAGES[: ENHANCING_STAGES.index(stage) + 1]:  # stage 2 works on stage 1
        _verify(folder / f"{needed}.pt", sums)
    return folder / f"{stage}.pt"


def weights_folder() -> Path:
    """The folder of the pretrained weights, inside the package."""
    return Path(str(resources.files("drbn_lightning") / "weights"))


def ship(source: Path, folder: Path | None = None) -> None:
    """Put trained networks in the place of the pretrained ones, without what they say of the machine they come from.

    Args:
        source: folder of `band.pt` and `recompose.pt`.
        folder: where to; by default inside the package.

    Raises:
        DRBNError: one is missing, is of another stage, or stage 2 does not work on that stage 1.
    """
    folder = weights_folder() if folder is None else folder
    parts = load_model(source / "recompose.pt", source / "band.pt").parts
    for stage in ENHANCING_STAGES:
        artifact = parts[stage]
        provenance = {name: value for name, value in artifact.provenance.items() if name not in PRIVATE}
        needs = {name: {**reference, "path": ""} for name, reference in artifact.needs.items()}
        made = header(stage, artifact.description, provenance, artifact.trained_on, needs)
        save(folder / f"{stage}.pt", made, artifact.network.state_dict())
    record(folder)


def record(folder: Path) -> None:
    """Write the digests of all weights in a folder, after one was replaced.

    The command `sha256sum *.pt > SHA256SUMS`, run in the folder, does the same.
    """
    lines = [f"{_digest(path)}  {path.name}\n" for path in sorted(folder.glob("*.pt"))]
    with written_beside(folder / SUMS) as beside:
        beside.write_text("".join(lines), encoding="utf-8")


def _verify(path: Path, sums: dict[str, str]) -> None:
    if not path.is_file() or path.name not in sums:
        raise DRBNError(f"the pretrained weights {path} are missing; install the package again, or name a checkpoint")
    if _digest(path) != sums[path.name]:
        raise DRBNError(f"the pretrained weights {path} are damaged; install the package again, or name a checkpoint")


def _read_sums(path: Path) -> dict[str, str]:
    """Digests by file name."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise DRBNError(f"{path} cannot be read ({reason}); install the package again, or name a checkpoint") from None
    pairs = [line.split(maxsplit=1) for line in lines if line.strip()]
    return {pair[1].lstrip("*"): pair[0].lower() for pair in pairs if len(pair) == 2}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    try:
        ship(Path(*sys.argv[1:]))
    except DRBNError as error:
        sys.exit(f"error: {error}")
