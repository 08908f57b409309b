"""Train a stage: `python -m drbn_lightning.train stage=band`."""

import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from drbn_lightning.errors import RunInterruptedError
from drbn_lightning.hydra_task import again, entry_point, flags, guarded, own_command_line
from drbn_lightning.runs import labels
from drbn_lightning.runs.launch import own_devices, refuse_sweep_without_multirun, start_processes_as_usual
from drbn_lightning.runs.sweep_summary import summarized

labels.register()


@entry_point("interrupted; the same command with the sweep's hydra.sweep.dir=... and resume=auto completes it")
@hydra.main(version_base="1.3", config_path="pkg://drbn_lightning.conf", config_name="train")
@guarded
def main(config: DictConfig) -> float | None:
    """Train as the command line says."""
    hydra_config = HydraConfig.get()
    single = hydra_config.mode is RunMode.RUN
    overrides = list(hydra_config.overrides.task)
    stage_name = dict(hydra_config.runtime.choices)["stage"]
    refuse_sweep_without_multirun(config, hydra_config)
    start_processes_as_usual()
    from drbn_lightning.tasks.train import train  # with torch and Lightning, which take seconds

    sweep = None if single else Path(hydra_config.runtime.cwd) / hydra_config.sweep.dir
    with summarized(sweep), own_command_line(hydra_config), own_devices(config, hydra_config):
        try:
            return train(config, stage_name, overrides, publish=single)
        except RunInterruptedError as interruption:
            command = again([*flags(sys.argv[1:]), *overrides], "resume", Path(config.paths.output_dir))
            raise KeyboardInterrupt(f"{interruption}\ngo on with: {command}") from None


if __name__ == "__main__":
    main()
