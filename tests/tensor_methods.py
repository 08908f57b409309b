"""Methods of numpy arrays as functions of torch tensors, in which tests compare them with networks."""

import torch
from torch import Tensor

from drbn_lightning.types import Method, TensorMethod


def tensors(method: Method) -> TensorMethod:
    """The same method of tensors."""

    def enhance(low: Tensor, thumbnail: Tensor) -> Tensor:
        return torch.from_numpy(method(low.numpy(), thumbnail.numpy()))

    return enhance
