"""Exported networks by ONNX Runtime."""

import os
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import numpy as np

from drbn_lightning.errors import DRBNError, reason_of
from drbn_lightning.extras import extra
from drbn_lightning.types import Method, Pixels

INPUTS = ("low", "thumbnail")
OUTPUT = "full"
NO_NETWORK = "is damaged or no exported network ({reason}); export it again by `python -m drbn_lightning.export`"


class Session(Protocol):
    """What is used of ONNX Runtime's sessions."""

    def run(self, outputs: list[str], values: dict[str, Any]) -> list[Any]:
        """Arrays from arrays, by name."""

    def get_inputs(self) -> list[Any]:
        """Descriptions with a `name`."""

    def get_outputs(self) -> list[Any]:
        """Descriptions with a `name`."""


def open_onnx(path: Path | str, threads: int | None = None) -> Method:
    """An exported network as a method: ONNX Runtime on the CPU, in float32.

    Args:
        path: a file of `export.exported`.
        threads: how many to use; by default see `default_threads`.

    Raises:
        DRBNError: the extra is not installed, or the file is missing, damaged or another kind of network.
    """
    return onnx_method(read_exported(Path(path)), str(path), threads)


def onnx_method(content: bytes, name: str, threads: int | None = None) -> Method:
    """As `open_onnx`, of a file's content; messages call it `name`."""
    session = _session(extra("onnxruntime", "onnx"), content, name, threads or default_threads())
    check_names(name, [value.name for value in session.get_inputs()], [value.name for value in session.get_outputs()])

    def enhance(low: Pixels, thumbnail: Pixels) -> Pixels:
        values = (as_input(low), as_input(thumbnail))
        output: Pixels = session.run([OUTPUT], dict(zip(INPUTS, values, strict=True)))[0]
        return output

    return enhance


def read_exported(path: Path) -> bytes:
    """A file's content.

    Raises:
        DRBNError: it is missing or cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise DRBNError(
            f"the exported network {path} cannot be read ({error.strerror}); make it by "
            "`python -m drbn_lightning.export`, or check the path"
        ) from None


def check_names(path: str, inputs: list[str], outputs: list[str]) -> None:
    """Raise a DRBNError where a network takes or gives something else than an exported one does."""
    if (sorted(inputs), outputs) != (sorted(INPUTS), [OUTPUT]):
        reason = f"from {', '.join(inputs) or 'nothing'} to {', '.join(outputs) or 'nothing'}"
        raise DRBNError(f"{path} {NO_NETWORK.format(reason=reason)}")


def as_input(values: Pixels) -> Pixels:
    """Contiguous float32, as the runtimes take it."""
    return np.ascontiguousarray(values, np.float32)


def default_threads() -> int:
    """OMP_NUM_THREADS where it is a number above 0, else as many as this process may use processors."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdecimal() and int(asked) > 0:
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _session(onnxruntime: ModuleType, content: bytes, name: str, threads: int) -> Session:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # errors only
    # Tiles of several sizes: by default each size would get a block of memory of its own, and no block is given back.
    options.enable_mem_pattern = False
    providers = [("CPUExecutionProvider", {"arena_extend_strategy": "kSameAsRequested"})]
    try:
        session: Session = onnxruntime.InferenceSession(content, options, providers=providers)
    except Exception as error:  # its exceptions share no class but this one
        raise DRBNError(f"{name} {NO_NETWORK.format(reason=reason_of(error))}") from None
    return session
