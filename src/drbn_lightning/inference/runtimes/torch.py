"""Networks by torch, as a `Method` of numpy arrays."""

from copy import deepcopy

import numpy as np
import torch
from torch import Tensor, nn

from drbn_lightning.inference.runtimes.precision import Precision
from drbn_lightning.types import Method, Pixels

OUT_OF_MEMORY = ("can't allocate memory", "MPS backend out of memory")
"""What torch says on a CPU and on a Mac's GPU, where it has no exception of its own."""


def torch_method(network: nn.Module, device: torch.device, precision: Precision = "float32") -> Method:
    """A network as a method: its full band in float32, by channels-last inference.

    Args:
        network: maps `(low, thumbnail)` to `Bands`; it stays as it is, the method works on a copy.
        device: where to run it.
        precision: number type of its parameters and features.
    """
    dtype: torch.dtype = getattr(torch, precision)
    copy = in_precision(deepcopy(network).to(device), dtype).to(memory_format=torch.channels_last).eval()

    @torch.inference_mode()
    def enhance(low: Pixels, thumbnail: Pixels) -> Pixels:
        image = as_tensor(low).to(device, dtype, memory_format=torch.channels_last)
        try:
            full: Tensor = copy(image, as_tensor(thumbnail).to(device)).full
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise MemoryError(str(error)) from None
            raise
        return full.float().cpu().numpy()

    return enhance


def as_tensor(values: Pixels) -> Tensor:
    """A tensor that shares the memory of an array, where its strides let it."""
    return torch.from_numpy(values if min(values.strides, default=0) >= 0 else np.ascontiguousarray(values))


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether torch says that memory does not suffice."""
    return isinstance(error, torch.OutOfMemoryError) or any(text in str(error) for text in OUT_OF_MEMORY)


def in_precision(network: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Give a network's parameters and buffers another number type, but for parts that need `full_precision`."""
    for part in network.children():
        if not getattr(part, "full_precision", False):
            in_precision(part, dtype)
    for values in (*network.parameters(recurse=False), *network.buffers(recurse=False)):
        if values.is_floating_point():
            values.data = values.data.to(dtype)
    return network
