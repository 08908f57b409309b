"""How tests make any configuration small: tiny images, few of them, one epoch."""

from typing import Any

from omegaconf import DictConfig

_PAIRS = {
    "length": 8,
    "repeats": 1,
    "batch_size": 4,
    "crop_size": 16,
    "scene_size": 24,
    "test_size": 32,
    "validation_scenes": 2,
    "validation_pairs": 1,
    "validation_photos": 2,
    "test_scenes": 2,
    "num_workers": 0,
}
SMALL: dict[str, dict[str, Any]] = {
    "trainer": {
        "accelerator": "cpu",  # trainer=gpu and trainer=ddp too: one process; tests/test_hydra_task.py has two
        "devices": 1,
        "num_nodes": 1,
        "strategy": "auto",
        "precision": "32-true",
        "max_epochs": 1,
        "check_val_every_n_epoch": 1,
    },
    "stage": {"guess_steps": 4},
    "data": _PAIRS,
    "datasets": _PAIRS,
    "unpaired": {
        "length": 8,
        "batch_size": 2,
        "crop_size": 16,
        "short_side": 24,
        "validation_photos": 6,
        "test_photos": 6,
        "unseen_validation_photos": 2,
        "unseen_test_photos": 2,
        "validation_share": 0.3,
        "test_share": 0.3,
        "real_low_validation_photos": 2,
        "real_low_test_photos": 2,
        "real_low_validation_share": 0.3,
        "real_low_test_share": 0.3,
        "num_workers": 0,
    },
}
"""What the tests make small, in the configuration that comes out of a command line."""


def shrink(config: DictConfig) -> None:
    """Make a configuration small; a key that it does not have is not added."""
    for section, values in SMALL.items():
        if isinstance(config.get(section), DictConfig):
            _shrink(config[section], values)


def _shrink(config: DictConfig, values: dict[str, Any]) -> None:
    for key in config:
        if key in values and config[key] not in (0, None):  # none stays none
            config[key] = values[str(key)]
        elif isinstance(config._get_node(key), DictConfig) and config[key] is not None:
            _shrink(config[key], values)
