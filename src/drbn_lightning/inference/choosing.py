"""Which runtime is the fastest for a job: the sum of its start and of the time that the pixels take.

The figures in `COSTS` are of the default network on two cores with AVX2, see docs/speed.md. On other machines
all of them shrink or grow about alike, as they do with larger networks; so the choice stays right but for jobs near the
boundary, where both are as fast.
"""

import os
import platform
import sys
from pathlib import Path
from typing import NamedTuple

from drbn_lightning.errors import DRBNError
from drbn_lightning.extras import installed
from drbn_lightning.names import RUNTIMES

PACKAGES = {"torch": "torch", "onnx": "onnxruntime", "openvino": "openvino"}
"""What each runtime is called as a package."""

GPU_FILES = ("/dev/nvidia0", "/dev/nvidiactl", "/dev/dxg", "/dev/kfd", "C:/Windows/System32/nvcuda.dll")
"""One of these is there where a driver of NVIDIA's or AMD's GPUs is: Linux, containers, WSL, ROCm, Windows."""

USUAL_JOB = 12_000_000
"""Pixels of a job that nobody knows more about: a photo of a phone."""


class Cost(NamedTuple):
    """Seconds until a runtime has the network ready, and seconds that a megapixel takes it."""

    start: float
    megapixel: float

    def of(self, pixels: int) -> float:
        """Seconds for a job of so many pixels."""
        return self.start + self.megapixel * pixels / 1e6


COSTS = {"onnx": Cost(0.7, 2.1), "openvino": Cost(1.2, 1.6), "torch": Cost(3.4, 2.6)}
"""On a CPU."""
GPU = Cost(8.0, 0.1)
"""Of torch with a GPU: most of the start is torch's import and the driver's."""
EXPORT = 30.0
"""Seconds that exporting and comparing takes, where an own checkpoint has not been exported before."""


class Job(NamedTuple):
    """What a runtime is chosen for.

    Attributes:
        pixels: that are to be enhanced, all photos together.
        exported: the network is there as an ONNX file.
        torch_loaded: torch is imported already, as for reading a checkpoint.
    """

    pixels: int = USUAL_JOB
    exported: bool = True
    torch_loaded: bool = False


def choose_runtime(runtime: str, device: str, precision: str, job: Job, *, gpu: bool | None = None) -> str:
    """The runtime of that name; `auto` is the fastest of those that are installed and can do what is asked for.

    Args:
        runtime: one of `RUNTIMES`.
        device: `auto`, `cpu`, `cuda`, ...; only torch uses others than the CPU.
        precision: one of `PRECISIONS`; only torch has all of them everywhere.
        job: what is to be done.
        gpu: whether there is a GPU; by default `gpu_seen`.

    Raises:
        DRBNError: there is no such runtime, or it does not run on that device.
    """
    if runtime not in RUNTIMES:
        raise DRBNError(f"runtime={runtime} is unknown; use {', '.join(RUNTIMES)}")
    if runtime != "auto":
        if runtime != "torch" and device not in ("auto", "cpu"):
            raise DRBNError(f"runtime={runtime} runs on the CPU only; leave device={device} out, or use runtime=torch")
        return runtime
    if device not in ("auto", "cpu") or precision in ("bfloat16", "float16"):
        return "torch"
    seconds = {name: cost.of(job.pixels) for name, cost in COSTS.items() if installed(PACKAGES[name])}
    if (first := loaded_first()) is not None:
        seconds = {name: value for name, value in seconds.items() if name in (first, "torch")}
    if device == "auto" and (gpu_seen() if gpu is None else gpu):
        seconds["torch"] = GPU.of(job.pixels)
    if job.torch_loaded:
        seconds["torch"] -= COSTS["torch"].start
    if not job.exported:
        seconds = {name: value + (0 if name == "torch" else EXPORT) for name, value in seconds.items()}
    return min(seconds, key=lambda name: seconds[name])


def loaded_first() -> str | None:
    """ONNX Runtime or OpenVINO, where this process has loaded one of them: `auto` does not load the other beside it.

    Processes that had both have crashed, see CONTRIBUTING.md, and a second one would have to start, too.
    """
    return next((name for name in ("onnx", "openvino") if PACKAGES[name] in sys.modules), None)


def gpu_seen() -> bool:
    """Whether there seems to be a GPU that torch can use. torch itself, which takes seconds, is not asked."""
    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    if os.environ.get("CUDA_VISIBLE_DEVICES", "all").strip() in ("", "-1"):
        return False
    return any(Path(file).exists() for file in GPU_FILES)
