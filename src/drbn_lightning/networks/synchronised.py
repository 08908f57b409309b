"""Batch norm over the images of all processes that share a batch.

NOTE: not `torch.nn.SyncBatchNorm`, which refuses to run on the CPU; where that is asked for (`trainer.sync_batchnorm`),
Lightning puts it in this one's place.
"""

from typing import Any, Self

import torch
import torch.distributed as distributed
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from drbn_lightning.networks.global_batch import is_shared


class SynchronisedBatchNorm(_BatchNorm):
    """`torch.nn.BatchNorm1d`, `2d` or `3d` whose statistics in training are those of all processes' images.

    A process may bring no image at all, as long as it calls the layer like the others.
    """

    @classmethod
    def of(cls, layer: _BatchNorm) -> Self:
        """The same layer, with the same parameters and buffers."""
        made = cls(layer.num_features, layer.eps, layer.momentum, layer.affine, layer.track_running_stats)
        made._parameters, made._buffers = layer._parameters, layer._buffers
        return made.train(layer.training)

    def _check_input_dim(self, input: Tensor) -> None:
        """Any number of dimensions will do."""

    def forward(self, features: Tensor) -> Tensor:
        """`(N, C, ...)` to `(N, C, ...)`."""
        if not (self.training and is_shared()):
            normalised: Tensor = super().forward(features)
            return normalised
        with torch.autocast(features.device.type, enabled=False):
            return self._over_all(features.to(torch.promote_types(features.dtype, torch.float32))).to(features.dtype)

    def _over_all(self, features: Tensor) -> Tensor:
        dims, shape = [0, *range(2, features.dim())], [1, -1, *[1] * (features.dim() - 2)]
        own = features.new_tensor([features.numel() // self.num_features])
        sums = _summed(torch.cat([features.sum(dims), own]))
        count = sums[-1].detach()
        mean = sums[:-1] / count
        centred = features - mean.view(shape)
        variance = _summed(centred.square().sum(dims)) / count
        self._track(mean.detach(), variance.detach() * count / (count - 1).clamp(min=1))
        normalised: Tensor = centred * torch.rsqrt(variance + self.eps).view(shape)
        if self.affine:
            normalised = normalised * self.weight.view(shape) + self.bias.view(shape)
        return normalised

    def _track(self, mean: Tensor, variance: Tensor) -> None:
        """Move the running statistics, as torch does."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), share)
        self.running_var.lerp_(variance.to(self.running_var.dtype), share)


class _Sum(torch.autograd.Function):
    """The sum over all processes. A gradient is the sum of theirs, for each of them goes by the same sum.

    NOTE: as `torch.distributed.nn.functional.all_reduce`, which torch has deprecated without a public successor.
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:  # noqa: ANN401 torch's own
        total = values.detach().clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: ANN401 torch's own
        return _Sum.forward(ctx, gradient)


def _summed(values: Tensor) -> Tensor:
    total: Tensor = _Sum.apply(values)
    return total


def synchronise(module: nn.Module) -> None:
    """Put `SynchronisedBatchNorm` in the place of every batch norm in a module; names and tensors stay."""
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
            setattr(module, name, SynchronisedBatchNorm.of(child))
        else:
            synchronise(child)
