"""A dense block whose gradients are computed by hand: the same numbers in less time and half the memory, on a CPU.

Legend of dimensions: N images, C channels of the block, G growth rate, H x W pixels.
"""

from itertools import accumulate, pairwise
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

LEAST_PIXELS = 2**16
"""Pixels of an image below which the many small operations by hand cost more than they save."""


def pays(features: Tensor) -> bool:
    """Whether gradients by hand are asked for, and worth it: float32 on a CPU, by operations run one by one."""
    return (
        torch.is_grad_enabled()
        and features.device.type == "cpu"
        and features.dtype == torch.float32
        and not torch.compiler.is_compiling()
        and features.shape[-2] * features.shape[-1] >= LEAST_PIXELS
        and not torch.is_autocast_enabled("cpu")
    )


class DenseGradient(torch.autograd.Function):
    """`DenseBlock` as one operation.

    Autograd keeps every stack of layers, and adds up gradients of whole stacks; this keeps each layer's output once
    beside the last stack. It asks for the weights' gradients part by part: oneDNN (3.13, AVX2) computes those of 40
    channels by 8 at half the speed of those of 16 by 8 (docs/speed.md).
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor, *parameters: Tensor) -> Tensor:  # noqa: ANN401 torch gives it no type
        """The block's result `(N, C, H, W)`.

        Args:
            ctx: takes what the gradient needs.
            features: `(N, C, H, W)`.
            parameters: weight and bias of the fusion, then of each layer.
        """
        (fusion, fusion_bias), layers = parameters[:2], parameters[2:]
        parts, stack = [features], features
        for weight, bias in zip(layers[::2], layers[1::2], strict=True):
            parts.append(functional.conv2d(stack, weight, bias, padding=1).relu_())
            stack = torch.cat([stack, parts[-1]], dim=1)
        ctx.save_for_backward(fusion, *layers[::2], stack, *parts)
        return functional.conv2d(stack, fusion, fusion_bias).add_(features)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, ...]:  # noqa: ANN401 as above
        """Gradients of all that `forward` took, from that of its result."""
        (result,) = gradients
        fusion, *saved = ctx.saved_tensors
        count = (len(saved) - 2) // 2
        weights, stack, parts = saved[:count], saved[count], saved[count + 1 :]
        edges = accumulate((part.shape[1] for part in parts), initial=0)
        places = [slice(*pair) for pair in pairwise(edges)]
        whole, *of_fusion = _convolved(result, stack, fusion, (True, True, True))
        of_layers: list[Tensor] = []
        for number in reversed(range(count)):
            weight = weights[number]
            own = torch.ops.aten.threshold_backward(whole[:, places[number + 1]], parts[number + 1], 0)
            found: list[Tensor] = []
            for part, place in zip(parts[: number + 1], places, strict=False):
                inner, outer, bias = _convolved(own, part, weight[:, place], (True, True, not found))
                whole[:, place].add_(inner)
                found = [*found, outer] if found else [bias, outer]
            of_layers = [torch.cat(found[1:], dim=1), found[0], *of_layers]
        return (whole[:, places[0]] + result, *of_fusion, *of_layers)


def _convolved(gradient: Tensor, features: Tensor, weight: Tensor, wanted: tuple[bool, bool, bool]) -> list[Tensor]:
    """Gradients of a convolution's input, weight and bias, as far as wanted."""
    pad, outputs = weight.shape[-1] // 2, [weight.shape[0]]
    convolution = torch.ops.aten.convolution_backward
    found = convolution(gradient, features, weight, outputs, [1, 1], [pad, pad], [1, 1], False, [0, 0], 1, list(wanted))
    return list(found)
