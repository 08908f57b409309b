"""The sweeper as Hydra sees it; Hydra imports this module at every start, so the rest comes only with a sweep."""

from collections.abc import Mapping
from typing import Any

from hydra.core.plugins import Plugins
from hydra.errors import CompactHydraException
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from drbn_lightning.errors import DRBNError
from drbn_lightning.runs.trials import import_optuna


class OptunaSweeper(Sweeper):
    """Searches by Optuna's ask and tell; any launcher runs the trials."""

    def __init__(self, params: Mapping[str, str] | None = None, **settings: Any) -> None:  # noqa: ANN401 of several types
        """Set up the sweeper.

        Args:
            params: what to search, in Hydra's grammar of overrides.
            settings: the other keys of `conf/hydra/sweeper/optuna.yaml`.
        """
        self.params = dict(params or {})
        self.settings = settings
        self.hydra_context: HydraContext | None = None
        self.config: DictConfig | None = None
        self.launcher: Launcher | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra gives."""
        self.hydra_context, self.config = hydra_context, config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:  # noqa: ANN401 as Hydra declares it
        """Run the trials that are missing, and report the best of all.

        Args:
            arguments: the overrides of the command line.
        """
        try:
            import_optuna()
        except DRBNError as error:
            raise CompactHydraException(f"error: {error}") from None
        from hydra_plugins.drbn_optuna._search import sweep

        return sweep(self, [*(f"{key}={value}" for key, value in self.params.items()), *arguments])
