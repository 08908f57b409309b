from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from drbn_lightning.networks.synchronised import SynchronisedBatchNorm, synchronise
from tests.groups import in_group

SPLITS = ((3, 1), (4, 0))


def network() -> nn.Sequential:
    torch.manual_seed(0)
    first = nn.BatchNorm2d(4)
    nn.init.uniform_(first.weight, 0.5, 2)
    nn.init.uniform_(first.bias, -1, 1)
    return nn.Sequential(nn.Conv2d(3, 4, 3), first, nn.ReLU(), nn.Sequential(nn.BatchNorm2d(4, momentum=None)))


def images() -> Tensor:
    return torch.rand(4, 3, 6, 7, generator=torch.Generator().manual_seed(3)) * 5 + 1


def learned(made: nn.Module, batch: Tensor) -> dict[str, Tensor]:
    """Output, gradients and running statistics after a step; the loss is a mean over 4 images."""
    result = made(batch)
    torch.autograd.backward(result.sin().sum() / 4)
    named = made.named_parameters()
    gradients = {f"gradient.{name}": parameter.grad for name, parameter in named if parameter.grad is not None}
    return {"result": result.detach(), **made.state_dict(), **gradients}


def of_a_part(rank: int) -> list[dict[str, Tensor]]:
    results = []
    for split in SPLITS:
        made = network()
        synchronise(made)
        batch = images()[: split[0]] if rank == 0 else images()[split[0] :]
        results.append(learned(made, batch))
    return results


@pytest.mark.slow
def test_two_processes_normalise_as_one_does(tmp_path: Path) -> None:
    alone = learned(network(), images())
    for first, second in zip(*in_group(of_a_part, tmp_path), strict=True):
        assert first.keys() == alone.keys()
        torch.testing.assert_close(torch.cat([first["result"], second["result"]]), alone["result"])
        for name, tensor in alone.items():
            if name.startswith("gradient."):
                torch.testing.assert_close(first[name] + second[name], tensor, rtol=1e-4, atol=1e-6)
            elif name != "result":
                torch.testing.assert_close(first[name], tensor)
                assert torch.equal(first[name], second[name])


def test_names_tensors_and_results_of_a_single_process_stay() -> None:
    made, before = network(), network()
    tensors = dict(made.state_dict(keep_vars=True))
    synchronise(made)
    assert [type(layer) for layer in made.modules() if hasattr(layer, "running_mean")] == [SynchronisedBatchNorm] * 2
    assert made.state_dict(keep_vars=True).keys() == tensors.keys()
    assert all(tensor is tensors[name] for name, tensor in made.state_dict(keep_vars=True).items())
    assert torch.equal(made(images()), before(images()))
    assert torch.equal(made.eval()(images()), before.eval()(images()))
