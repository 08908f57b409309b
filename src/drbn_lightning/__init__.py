"""Semi-supervised low-light image enhancement with DRBN, as a Lightning and Hydra experiment framework."""

__version__ = "0.1.0"
