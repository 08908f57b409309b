"""What a resumed run must have as it was: whatever decides which samples a step sees, and with which optimizer.

A checkpoint counts the batches of its epoch that were taken. With batches of another size, another order or other data
these are other samples: some would be seen several times and some never. The number of processes is free, for a batch
counts the samples of all of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from drbn_lightning.data.fingerprints import Fingerprint
from drbn_lightning.errors import DRBNError, named

FIXED = (
    "seed",
    "sources",
    "stage.optimizer",  # its state comes from the checkpoint, with its learning rate
    "trainer.accumulate_grad_batches",
    "trainer.limit_train_batches",
    "trainer.overfit_batches",
)
"""Keys that stay as they were, with all below them, as do the sources of samples."""
FREE = {"_target_", "num_workers", "cache", "on_overlap", "max_corrupt", "max_missing"}
FREE |= {"root", "low", "normal", "high", "real_low", "table", "votes"}  # places; `require_same_images` looks there
FREE |= {"test_scenes", "test_size", "test_low", "test_normal", "test_photos", "real_low_test_photos"}
"""Last parts of keys that may change all the same: they change no sample, or where the same samples lie."""

_ABSENT = object()


def require_same_samples(path: Path, before: str, config: DictConfig) -> None:
    """Compare the configuration of a run with that of the run that goes on with it.

    Args:
        path: the checkpoint to go on from, for the message.
        before: the resolved configuration of its run, as YAML.
        config: the configuration now.

    Raises:
        DRBNError: a step would see other samples, or the optimizer is another one.
    """
    was, now = _settings(OmegaConf.create(before)), _settings(config)
    changed = [key for key in now if key in was and repr(was[key]) != repr(now[key])]
    if changed:
        listed = named([f"{key}={was[key]} (now {now[key]})" for key in changed])
        raise DRBNError(
            f"{path} cannot be continued with other settings of its samples or optimizer; its run had {listed}. Repeat "
            f"them, or start a new run from its weights: init={path}"
        )


def require_same_images(path: Path, before: Sequence[Mapping[str, Any]], now: Sequence[Fingerprint]) -> None:
    """Compare what a run was trained on with what is to be trained on, by content.

    Args:
        path: the checkpoint to go on from, for the message.
        before: the fingerprints in its header.
        now: those of the data now; of scenes that are made on the fly the settings say everything.

    Raises:
        DRBNError: images came, went or changed.
    """
    identities = {str(fingerprint["identity"]) for fingerprint in before}
    other = [fingerprint.name for fingerprint in now if fingerprint.names and fingerprint.identity not in identities]
    if other:
        raise DRBNError(
            f"{path} cannot be continued: the images of {named(other)} are not those that its run had; bring these "
            f"back, or start a new run from its weights: init={path}"
        )


def _settings(config: Any) -> dict[str, Any]:  # noqa: ANN401 what OmegaConf makes of a YAML
    """The values that must stay, by their keys."""
    keys = [*FIXED, *config.get("sources", ())]
    settings: dict[str, Any] = {}
    for key in keys:
        value = OmegaConf.select(config, key, default=_ABSENT)
        if value is _ABSENT:
            continue
        plain = OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
        settings |= dict(_leaves(key, plain))
    return settings


def _leaves(key: str, value: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 any plain value
    """All values below a key, but those that are free."""
    if key.rpartition(".")[2] in FREE:
        return
    if not isinstance(value, dict):
        yield key, value
        return
    for name, part in value.items():
        yield from _leaves(f"{key}.{name}", part)
