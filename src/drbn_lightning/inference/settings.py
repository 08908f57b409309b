"""How a network is to be run, whatever runs it."""

from typing import NamedTuple

from drbn_lightning.errors import DRBNError
from drbn_lightning.inference.choosing import USUAL_JOB, Job, choose_runtime
from drbn_lightning.inference.enhancer import Runner
from drbn_lightning.inference.memory import tile_size
from drbn_lightning.inference.self_ensemble import SIDES, self_ensemble
from drbn_lightning.inference.tiling import OVERLAP, Tiles
from drbn_lightning.names import PRECISIONS
from drbn_lightning.types import Method


class Settings(NamedTuple):
    """What the command line, the page or Python asks for; see `loading.load_enhancer`."""

    strength: float = 1.0
    device: str = "auto"
    precision: str = "auto"
    runtime: str = "auto"
    tile_size: int | None = None
    self_ensemble: bool = False
    pixels: int = USUAL_JOB

    def check(self) -> None:
        """Raise a DRBNError where a word is unknown, or two contradict each other."""
        if self.precision not in PRECISIONS:
            raise DRBNError(f"precision={self.precision} is unknown; use {', '.join(PRECISIONS)}")
        self.runtime_for(gpu=False)

    def runtime_for(self, *, exported: bool = True, torch_loaded: bool = False, gpu: bool | None = None) -> str:
        """The runtime for a network, see `choosing.choose_runtime` and `choosing.Job`."""
        pixels = self.pixels * (len(SIDES) if self.self_ensemble else 1)
        return choose_runtime(self.runtime, self.device, self.precision, Job(pixels, exported, torch_loaded), gpu=gpu)

    def runner(self, method: Method, runtime: str, precision: str, overlap: int | None) -> Runner:
        """A method with its tiles; without a measured `overlap` they overlap by `OVERLAP`."""
        overlap = OVERLAP if overlap is None else overlap
        size = tile_size(runtime, precision, overlap) if self.tile_size is None else self.tile_size
        return Runner(self_ensemble(method) if self.self_ensemble else method, Tiles(size, overlap))
