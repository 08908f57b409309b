"""Semi-supervised low-light image enhancement with DRBN, as a Lightning and Hydra experiment framework."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drbn_lightning.inference.loading import load_enhancer

__version__ = "0.1.0"
__all__ = ["load_enhancer"]


def __getattr__(name: str) -> object:
    """Import `load_enhancer` when it is first asked for: torch takes seconds, and others only want the version."""
    if name == "load_enhancer":
        from drbn_lightning.inference.loading import load_enhancer

        return load_enhancer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
