from pathlib import Path

import pytest
import torch

from drbn_lightning.inference import by_torch
from drbn_lightning.inference.enhancer import NetworkInfo
from drbn_lightning.inference.settings import Settings
from tests.inference.small_images import image


def test_torch_runs_a_checkpoint(weights: Path) -> None:
    model = by_torch.read(weights / "recompose.pt", "band")
    settings = Settings(device="cpu", precision="float32", tile_size=500)
    enhance = by_torch.enhancer(model, NetworkInfo("own", model.stage, ("band",)), settings)
    assert str(enhance.info) == "network: own, stage=band, run by torch on cpu in float32"
    assert enhance(image(5, 6)).shape == (5, 6, 3)
    assert enhance.for_8_bits is enhance.for_more
    assert enhance.for_8_bits.tiles.size == 500


@pytest.mark.parametrize(("device", "gpu"), [("cpu", False), ("cuda", True), ("mps", True)])
def test_every_device_but_the_cpu_is_a_gpu(monkeypatch: pytest.MonkeyPatch, device: str, gpu: bool) -> None:
    monkeypatch.setattr(by_torch, "choose_device", lambda name: torch.device(device))
    assert by_torch.has_gpu() == gpu
