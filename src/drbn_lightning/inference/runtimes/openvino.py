"""Exported networks by OpenVINO, each as a `Method`.

The size of tiles may change from one to the next at no cost.
"""

from functools import cache
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any, Protocol

import numpy as np

from drbn_lightning.errors import DRBNError
from drbn_lightning.extras import extra
from drbn_lightning.inference.runtimes.onnx import (
    INPUTS,
    NO_NETWORK,
    OUTPUT,
    as_input,
    check_names,
    default_threads,
    read_exported,
)
from drbn_lightning.types import Method, Pixels

HINTS = {"float32": "f32", "bfloat16": "bf16"}


class Request(Protocol):
    """What is used of OpenVINO's requests."""

    def infer(self, values: dict[str, Any]) -> dict[str, Any]:
        """Arrays from arrays, by name."""


def open_openvino(path: Path | str, threads: int | None = None, *, precision: str = "float32") -> Method:
    """An exported network as a method: OpenVINO on the CPU.

    The method may be called from several threads; they take turns.

    Args:
        path: a file of `export.exported`.
        threads: how many to use; by default see `default_threads`.
        precision: `float32`, or `bfloat16` where the CPU has it. OpenVINO itself would take bfloat16 there unasked.

    Raises:
        DRBNError: the extra is not installed, the file is missing, damaged or another kind of network, or this CPU
            does not have the precision.
    """
    openvino = extra("openvino", "openvino")
    settings = {
        "INFERENCE_PRECISION_HINT": _precision(precision),
        "INFERENCE_NUM_THREADS": threads or default_threads(),
        "PERFORMANCE_HINT": "LATENCY",
    }
    request, turn = _request(openvino, Path(path), settings), Lock()

    def enhance(low: Pixels, thumbnail: Pixels) -> Pixels:
        values = dict(zip(INPUTS, (as_input(low), as_input(thumbnail)), strict=True))
        with turn:
            return np.array(request.infer(values)[OUTPUT])  # a copy: the next run writes over it

    return enhance


def native_bfloat16() -> bool:
    """Whether the CPU multiplies bfloat16 numbers itself (AVX-512 BF16 or AMX).

    Raises:
        DRBNError: the extra is not installed.
    """
    return "BF16" in _core(extra("openvino", "openvino")).get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _precision(name: str) -> str:
    if name not in HINTS:
        raise DRBNError(f"precision={name} is unknown to runtime=openvino; use {' or '.join(HINTS)}")
    if name == "bfloat16" and not native_bfloat16():
        raise DRBNError("precision=bfloat16 is slower than float32 on this CPU, which lacks it; use float32")
    return HINTS[name]


@cache
def _core(openvino: ModuleType) -> Any:  # noqa: ANN401  # OpenVINO may be absent where types are checked
    """The one core of this process."""
    return openvino.Core()


def _request(openvino: ModuleType, path: Path, settings: dict[str, Any]) -> Request:
    core = _core(openvino)
    read_exported(path)  # for its messages; of bytes OpenVINO drops an input that the network does not use
    try:
        model = core.read_model(path)
        check_names(str(path), [port.any_name for port in model.inputs], [port.any_name for port in model.outputs])
        request: Request = core.compile_model(model, "CPU", settings).create_infer_request()
    except RuntimeError as error:  # its first lines are places in its source
        reason = " ".join(str(error).split())[-160:]
        raise DRBNError(f"{path} {NO_NETWORK.format(reason=reason)}") from None
    return request
