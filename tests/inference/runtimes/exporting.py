"""Small whole networks, and their exported files, each made once."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import torch
from torch import Tensor, nn

from drbn_lightning.checkpoints.artifact import Artifact
from drbn_lightning.checkpoints.description import NetworkDescription
from drbn_lightning.checkpoints.enhancement_model import EnhancementModel
from drbn_lightning.inference.runtimes.export import exported
from drbn_lightning.networks.bounded_recomposition import BoundedRecomposer
from drbn_lightning.networks.drbn import DRBN
from drbn_lightning.networks.recomposition import BandRecomposition, FlatRecomposer, UNetRecomposer

Argument: TypeAlias = int | float | bool | str


def artifact(stage: str, kind: type[nn.Module], **arguments: Argument) -> Artifact:
    torch.manual_seed(3)
    description = NetworkDescription(f"{kind.__module__}.{kind.__qualname__}", arguments)
    return Artifact(stage, description.build().eval(), description, {}, [{"name": f"pairs of {stage}"}], {})


def small_model(kind: str = "band", **arguments: Argument) -> EnhancementModel:
    """`band` is stage 1, `learned` too, with a learned first guess; `flat`, `unet`, `bounded` recompose over it."""
    small: dict[str, Argument] = {"recursions": 1, "base_channels": 2, "growth_rate": 1}
    guess: dict[str, Argument] = {"first_guess": "learned"} if kind == "learned" else {}
    band = artifact("band", DRBN, **(small | guess | arguments))
    if kind == "learned":
        torch.nn.init.normal_(band.network.guess.predictor.head[-1].weight)  # type: ignore[union-attr, index]
    if kind in ("band", "learned"):
        return EnhancementModel("band", band.network, {"band": band})
    if kind == "flat":
        second = artifact("recompose", FlatRecomposer, channels=2, growth_rate=1)
    elif kind == "bounded":
        second = artifact("recompose", BoundedRecomposer, base_channels=4, hidden=4)
        torch.nn.init.normal_(second.network.head[-1].weight)  # type: ignore[union-attr, index]
        torch.nn.init.normal_(second.network.head[-1].bias)  # type: ignore[union-attr, index]
    else:
        width = {"base_channels": 2, "growth_rate": 1}
        second = artifact("recompose", UNetRecomposer, chained=True, start_at_identity=False, **width)
    network = BandRecomposition(band.network, second.network).eval()
    return EnhancementModel("recompose", network, {"band": band, "recompose": second})


@cache
def small_content(kind: str) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        exported(small_model(kind), path)
        return path.read_bytes()


def small_file(folder: Path, kind: str = "band") -> Path:
    path = folder / f"{kind}.onnx"
    path.write_bytes(small_content(kind))
    return path


def example(*shape: int) -> tuple[Tensor, Tensor]:
    """`low`, a part of an image, and `thumbnail`, the whole's."""
    random = torch.Generator().manual_seed(sum(shape))
    return torch.rand(shape, generator=random) ** 2, 0.1 + 0.3 * torch.rand(shape[0], 3, 48, 48, generator=random)


def full(model: EnhancementModel, low: Tensor, thumbnail: Tensor) -> Tensor:
    with torch.inference_mode():
        result: Tensor = model.network(low, thumbnail).full
    return result


def other_network(path: Path) -> Path:
    """A valid ONNX file that is no enhancement network."""
    from onnx import TensorProto, helper, save

    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "other", values[:1], values[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    save(model, path)
    return path
