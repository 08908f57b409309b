"""Evaluate networks and other methods: `python -m drbn_lightning.evaluate checkpoint=band.pt data=lol_v1`."""

from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from drbn_lightning.hydra_task import entry_point, guarded
from drbn_lightning.runs.claims import held


@entry_point()
@hydra.main(version_base="1.3", config_path="pkg://drbn_lightning.conf", config_name="evaluate")
@guarded
def main(config: DictConfig) -> float:
    """Evaluate as the command line says."""
    from drbn_lightning.tasks.evaluate import evaluate  # with torch, which takes seconds

    with held(Path(config.paths.output_dir)):
        return evaluate(config, HydraConfig.get().overrides.task)


if __name__ == "__main__":
    main()
