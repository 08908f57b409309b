"""The weights that ship with the package, verified before they are read; `inference.release` puts new ones there.

Each pretrained network has a folder: `band` and `recompose`, both as `.pt` for torch and as `.onnx` for all else.
"""

import hashlib
from importlib import resources
from pathlib import Path

from drbn_lightning.errors import DRBNError
from drbn_lightning.files import written_beside
from drbn_lightning.names import DEFAULT_NETWORK, ENHANCING_STAGES

DEFAULT_STAGE = "band"
SUMS = "SHA256SUMS"
"""Digests of the weights, one a line as `sha256sum` writes and checks them."""
SUFFIXES = (".pt", ".onnx")
"""For torch; and for ONNX Runtime and OpenVINO, each stage with those that it works on in one file."""


def pretrained_path(stage: str = DEFAULT_STAGE, folder: Path | None = None, *, suffix: str = ".pt") -> Path:
    """The checkpoint of a stage that ships with the package; its SHA-256 is verified, and that of its stage 1.

    Args:
        stage: `band` or `recompose`.
        folder: where the weights are, see `network_folder`; by default those of the default network.
        suffix: one of `SUFFIXES`.

    Raises:
        DRBNError: there is no such stage, or the file is missing or damaged.
    """
    if stage not in ENHANCING_STAGES:
        raise DRBNError(f"stage={stage} ships no weights; use {' or '.join(ENHANCING_STAGES)}")
    folder = network_folder() if folder is None else folder
    sums = _read_sums(folder / SUMS)
    first = 0 if suffix == ".pt" else ENHANCING_STAGES.index(stage)  # stage 2 works on stage 1, which is elsewhere
    for needed in ENHANCING_STAGES[first : ENHANCING_STAGES.index(stage) + 1]:
        _verify(folder / f"{needed}{suffix}", sums)
    return folder / f"{stage}{suffix}"


def network_folder(network: str = DEFAULT_NETWORK) -> Path:
    """The folder of a pretrained network.

    Raises:
        DRBNError: the package has no network of that name.
    """
    names = networks()
    if network not in names:
        raise DRBNError(f"network={network} does not come with the package; use {', '.join(names)}, or a checkpoint")
    return weights_folder() / network


def networks() -> list[str]:
    """The names of all pretrained networks, the default one first."""
    names = sorted(path.parent.name for path in weights_folder().glob(f"*/{SUMS}"))
    return sorted(names, key=lambda name: name != DEFAULT_NETWORK)


def weights_folder() -> Path:
    """The folder of all pretrained networks, inside the package."""
    return Path(str(resources.files("drbn_lightning") / "weights"))


def record(folder: Path) -> None:
    """Write the digests of all weights in a folder, after one was replaced.

    The command `sha256sum *.onnx *.pt > SHA256SUMS`, run in the folder, does the same.
    """
    paths = sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES)
    lines = [f"{digest(path)}  {path.name}\n" for path in sorted(paths, key=lambda path: (path.suffix, path.name))]
    with written_beside(folder / SUMS) as beside:
        beside.write_text("".join(lines), encoding="utf-8")


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _verify(path: Path, sums: dict[str, str]) -> None:
    if not path.is_file() or path.name not in sums:
        raise DRBNError(f"the pretrained weights {path} are missing; install the package again, or name a checkpoint")
    if digest(path) != sums[path.name]:
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
