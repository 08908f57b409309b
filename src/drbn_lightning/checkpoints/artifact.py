"""Networks on disk: plain tensors beside plain arguments, readable without Lightning, Hydra or pickled code.

A published artifact and a Lightning checkpoint of ours carry the same header under the key `drbn_lightning`; both, and
the official weights, are read by `load`. A checkpoint of stage 2 does not hold stage 1 again: its header says which
network it needs, by identity.
"""

import hashlib
import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from drbn_lightning.checkpoints.description import NetworkDescription
from drbn_lightning.checkpoints.official import OfficialNetwork, import_official, recognise
from drbn_lightning.errors import DRBNError, reason_of
from drbn_lightning.files import written_beside

HEADER = "drbn_lightning"
FORMAT = 1
NETWORK_PREFIX = "network."
NEEDS = {"recompose": ("band",)}
"""Stages whose networks work on those of others."""

_ZIP = b"PK\3\4"


class Artifact(NamedTuple):
    """A trained network and where it came from.

    `trained_on` lists the fingerprints of the data sets that it has seen; `provenance` holds plain values; `needs` says
    which networks of other stages it works on (`checkpoints.enhancement_model` finds them); `overlap` by how many
    pixels its tiles must overlap, where that was measured (`inference.overlap`).
    """

    stage: str
    network: nn.Module
    description: NetworkDescription
    provenance: dict[str, Any]
    trained_on: list[dict[str, Any]]
    needs: dict[str, dict[str, str]]
    overlap: int | None = None

    def reference(self, path: Path) -> dict[str, str]:
        """How another checkpoint says that it needs this network, which was read from `path`."""
        return {"path": str(path.resolve()), "identity": identity(self.network)}


def identity(network: nn.Module) -> str:
    """Short digest of all parameters and buffers: equal for the same bits under the same names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        values = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {values.dtype} {tuple(values.shape)}\n".encode())
        digest.update(values.view(-1).view(torch.uint8).numpy().tobytes() if values.numel() else b"")
    return digest.hexdigest()[:16]


def header(
    stage: str,
    description: NetworkDescription,
    provenance: dict[str, Any],
    trained_on: list[dict[str, Any]],
    needs: dict[str, dict[str, str]] | None = None,
    overlap: int | None = None,
) -> dict[str, Any]:
    """What a checkpoint says of itself, as plain values; `needs` has an `Artifact.reference` for each stage needed."""
    measured = {} if overlap is None else {"overlap": overlap}
    return measured | {
        "format": FORMAT,
        "stage": stage,
        "network": description._asdict(),
        "provenance": provenance,
        "trained_on": trained_on,
        "needs": needs or {},
    }


def load(path: Path | str, stage: str | None = None) -> Artifact:
    """Read a trained network.

    Args:
        path: an artifact or Lightning checkpoint of ours, or official weights of either stage.
        stage: the stage that must have made it, if it matters.

    Returns:
        The artifact, its network in evaluation mode on the CPU.

    Raises:
        DRBNError: the file is missing, unreadable, of another kind or of another stage.
    """
    path = Path(path)
    content = read(path)
    if HEADER in content:
        artifact = _load_own(path, content)
    elif all(isinstance(name, str) for name in content) and (official := recognise(content)):
        artifact = _load_official(path, content, official)
    else:
        raise DRBNError(f"{path} is neither a checkpoint of drbn_lightning nor official weights")
    if stage is not None and artifact.stage != stage:
        raise DRBNError(f"{path} is a checkpoint of stage={artifact.stage}, and stage={stage} is needed here")
    artifact.network.eval()
    return artifact


def read(path: Path) -> dict[str, Any]:
    """Read a checkpoint file as plain values and tensors, without running any code that it may hold.

    Raises:
        DRBNError: the file is missing, unreadable or holds anything else.
    """
    if not path.is_file():
        raise DRBNError(f"checkpoint {path} does not exist; give the path of a .pt or .ckpt file")
    try:
        _check_whole(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises AssertionError, IndexError, struct.error, ... on damaged files
        raise DRBNError(
            f"checkpoint {path} cannot be read; it is damaged or no checkpoint ({reason_of(error)})"
        ) from None
    if not isinstance(content, dict):
        raise DRBNError(f"checkpoint {path} holds a {type(content).__name__} instead of a network's tensors")
    if not _is_plain(content.get(HEADER)):
        raise DRBNError(f"the header of {path} is not whole (it has more than plain values); the file is damaged")
    return content


def described(path: Path, content: Mapping[str, Any]) -> NetworkDescription:
    """The network that the header of a checkpoint describes.

    Args:
        path: where it was read from, for the message.
        content: what `read` gave.

    Raises:
        DRBNError: it describes none.
    """
    try:
        about = content[HEADER]["network"]
        arguments = {str(name): about["arguments"][name] for name in about["arguments"]}
        return NetworkDescription(str(about["target"]), arguments)
    except (KeyError, TypeError, IndexError) as error:
        raise DRBNError(f"the header of {path} is not whole ({error}); the file is damaged") from None


def _is_plain(value: object) -> bool:
    """Whether a value can be compared with any other, which a tensor cannot."""
    if isinstance(value, (dict, list, tuple)):
        return all(map(_is_plain, [*value, *value.values()] if isinstance(value, dict) else value))
    return value is None or isinstance(value, (str, int, float))


def _check_whole(path: Path) -> None:
    """Compare a file with the checksums in it, which torch does not; files of torch before 1.6 have none.

    Raises:
        ValueError, zipfile.BadZipFile: bytes have changed, or it is packed in a way that torch does not use.
    """
    with path.open("rb") as file:
        if file.read(len(_ZIP)) != _ZIP:
            return
        with zipfile.ZipFile(file) as archive:
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                raise ValueError("compressed parts")  # which might become larger than any memory
            damaged = archive.testzip()
    if damaged is not None:
        raise ValueError(f"{damaged} does not fit its checksum")


def publish(checkpoint: Path, artifact: Path) -> None:
    """Turn a Lightning checkpoint of ours into an artifact: the network's tensors and the header, nothing else.

    Raises:
        DRBNError: the checkpoint cannot be read or the artifact cannot be written.
    """
    content = read(checkpoint)
    save(artifact, content[HEADER], _network_state(content))


def save(path: Path, header: Mapping[str, Any], state: Mapping[str, Tensor]) -> None:
    """Write an artifact beside `path`, then rename it.

    Raises:
        DRBNError: the file cannot be written.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    write(path, {HEADER: dict(header), "state_dict": tensors})


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Write a checkpoint file beside `path`, then rename it.

    Raises:
        DRBNError: the file cannot be written.
    """
    buffer = BytesIO()  # torch's own writer hides the reason why a disk does not take it
    torch.save(dict(content), buffer)
    with written_beside(path) as beside:
        beside.write_bytes(buffer.getbuffer())


def _network_state(content: dict[str, Any]) -> dict[str, Tensor]:
    """The network's tensors: all of an artifact's, and those under `network.` of a Lightning checkpoint's."""
    state = dict(content["state_dict"])
    if content.keys() == {HEADER, "state_dict"}:
        return state
    return {name[len(NETWORK_PREFIX) :]: tensor for name, tensor in state.items() if name.startswith(NETWORK_PREFIX)}


def _load_own(path: Path, content: dict[str, Any]) -> Artifact:
    stored = content[HEADER]
    number = stored.get("format") if isinstance(stored, dict) else None
    if number != FORMAT:
        raise DRBNError(f"{path} has format {number}, and this version reads {FORMAT}; update the package")
    try:
        stage, provenance, trained_on = stored["stage"], stored["provenance"], stored["trained_on"]
        description = described(path, content)
        needs, state = dict(stored.get("needs", {})), _network_state(content)
        overlap = None if stored.get("overlap") is None else int(stored["overlap"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DRBNError(f"the header of {path} is not whole ({error}); the file is damaged") from None
    try:
        network = description.build()
    except DRBNError as error:
        raise DRBNError(f"{path}: {error}") from None
    _fill(network, state, path, description.target)
    return Artifact(stage, network, description, provenance, trained_on, needs, overlap)


def _load_official(path: Path, content: dict[str, Any], official: OfficialNetwork) -> Artifact:
    description = NetworkDescription(official.target, dict(official.arguments))
    network = description.build()
    _fill(network, import_official(content), path, f"the official {official.title} network")
    return Artifact(official.stage, network, description, {"source": f"official {official.title} weights"}, [], {})


def _fill(network: nn.Module, state: dict[str, Tensor], path: Path, name: str) -> None:
    """Put tensors into a network.

    Raises:
        DRBNError: they are not this network's.
    """
    try:
        network.load_state_dict(state)
    except (RuntimeError, TypeError, AttributeError):  # the last two where something is no tensor or no name
        raise DRBNError(f"the tensors in {path} do not fit {name}; the file is damaged") from None
