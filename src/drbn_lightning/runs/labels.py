"""Name, group and tags of a run, for its loggers: `${run:name}`, `${run:group}`, `${run:tags}` in a configuration."""

from collections.abc import Callable
from pathlib import Path

from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import OmegaConf

Label = str | list[str] | None


def label(what: str) -> Label:
    """A label of the run that Hydra has started; none where Hydra has started none.

    Raises:
        KeyError: there is no such label.
    """
    make = LABELS[what]
    return make(HydraConfig.get()) if HydraConfig.initialized() else None


def register() -> None:
    """Let configurations ask for labels."""
    OmegaConf.register_new_resolver("run", label, replace=True)


def _name(hydra: HydraConf) -> str:
    """In a sweep the job's number and what it has that others have not; else stage and time."""
    if hydra.mode is not RunMode.MULTIRUN:
        return "_".join(Path(hydra.runtime.output_dir).parts[-2:])
    return " ".join([str(hydra.job.num), *_differing(hydra)])


def _group(hydra: HydraConf) -> str | None:
    """The sweep: the end of its folder's path."""
    return "_".join(Path(hydra.sweep.dir).parts[-2:]).lstrip("/_") if hydra.mode is RunMode.MULTIRUN else None


def _tags(hydra: HydraConf) -> list[str]:
    """Stage, data, experiment and whether it is a sweep."""
    choices = hydra.runtime.choices
    named = [choices.get(group) for group in ("stage", "data", "experiment")]
    return [name for name in named if name] + (["sweep"] if hydra.mode is RunMode.MULTIRUN else [])


def _differing(hydra: HydraConf) -> list[str]:
    """The overrides of this job without those that all jobs share; all of them where that is not known."""
    record = Path(hydra.runtime.cwd) / hydra.sweep.dir / "multirun.yaml"
    common = list(OmegaConf.load(record).hydra.overrides.task) if record.exists() else []
    parsed = OverridesParser.create().parse_overrides(common)
    alike = {override.get_key_element() for override in parsed if not override.is_sweep_override()}
    return [word for word in hydra.overrides.task if word.partition("=")[0] not in alike]


LABELS: dict[str, Callable[[HydraConf], Label]] = {"name": _name, "group": _group, "tags": _tags}
