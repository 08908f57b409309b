import numpy as np
import pytest

from drbn_lightning.errors import DRBNError
from drbn_lightning.inference import choosing, memory
from drbn_lightning.inference.settings import Settings
from drbn_lightning.inference.tiling import OVERLAP, Tiles
from drbn_lightning.types import Pixels


def same(low: Pixels, thumbnail: Pixels) -> Pixels:
    return low


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (Settings(precision="double"), "precision=double .*float32"),
        (Settings(runtime="tensorrt"), "runtime=tensorrt"),
        (Settings(runtime="openvino", device="cuda"), "device=cuda"),
    ],
)
def test_wrong_words_are_named(settings: Settings, message: str) -> None:
    Settings().check()
    with pytest.raises(DRBNError, match=message):
        settings.check()


def test_tiles_overlap_by_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda: None)
    size = memory.tile_size("onnx", "float32", 24)
    assert Settings().runner(same, "onnx", "float32", 24).tiles == Tiles(size, 24)
    assert Settings(tile_size=500).runner(same, "onnx", "float32", None).tiles == Tiles(500, OVERLAP)


def test_a_self_ensemble_wraps_the_method_and_makes_the_job_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = list[Pixels]()

    def noting(low: Pixels, thumbnail: Pixels) -> Pixels:
        seen.append(low)
        return low

    method = Settings(self_ensemble=True).runner(noting, "onnx", "float32", 24).method
    method(np.zeros((1, 3, 4, 4), np.float32), np.zeros((1, 3, 48, 48), np.float32))
    assert len(seen) == 8
    monkeypatch.setattr(choosing, "installed", lambda package: True)
    monkeypatch.setattr(choosing, "loaded_first", lambda: None)
    small = Settings(pixels=500_000, device="cpu")
    assert small.runtime_for() == "onnx"
    assert small._replace(self_ensemble=True).runtime_for() == "openvino"
