"""The W&B logger: online where a key is set up, offline elsewhere."""

import netrc
import os
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import wandb
from pytorch_lightning.loggers import WandbLogger

from drbn_lightning.errors import DRBNError, reason_of

Mode = Literal["online", "offline", "disabled"]
MODES: tuple[Mode, ...] = ("online", "offline", "disabled")
_OTHER_NAMES: dict[str, Mode] = {"dryrun": "offline", "run": "online"}


class RunLogger(WandbLogger):
    """Lightning's logger, in the mode that the configuration, the environment or a key asks for."""

    def __init__(self, mode: Mode | None = None, **arguments: Any) -> None:  # noqa: ANN401 see WandbLogger
        """Set up the logger; the run starts with the training.

        Args:
            mode: `online`, `offline` or `disabled`; by default what `find_mode` finds.
            arguments: arguments of `WandbLogger` and of `wandb.init`.

        Raises:
            DRBNError: there is no such mode.
        """
        if mode is not None and mode not in MODES:
            raise DRBNError(f"logger.wandb.mode is {mode!r}; use one of {', '.join(MODES)}")
        # NOTE: else W&B 0.31 reports on itself when the process ends, by the network, offline as well.
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        self.mode = mode or find_mode()
        settings = {"quiet": True} if self.mode == "offline" else {}
        super().__init__(mode=self.mode, settings=settings, **arguments)

    def go_on(self) -> None:
        """Before a resumed run: log to the run of W&B that its folder holds, if that was online, as this one is.

        An id in the configuration wins. What the interrupted run logged after its checkpoint is logged once more.
        """
        if self.mode != "online" or self._wandb_init["id"] is not None:
            return
        runs = Path(self.save_dir or ".").glob("wandb/run-*-*")
        latest = max(runs, key=lambda run: run.stat().st_mtime, default=None)
        if latest is not None:
            self._wandb_init["id"] = self._id = latest.name.rpartition("-")[2]

    @property
    def experiment(self) -> Any:  # noqa: ANN401 W&B's run, or one that does nothing
        """The run, which starts when it is first asked for.

        Raises:
            DRBNError: W&B does not take it.
        """
        try:
            return super().experiment
        except wandb.Error as error:
            raise DRBNError(
                f"W&B does not take the run ({reason_of(error)}); log in with `wandb login`, or say "
                "logger.wandb.mode=offline"
            ) from None


def find_mode() -> str:
    """What WANDB_MODE, WANDB_OFFLINE or `wandb offline` ask for; else online where a key is set up, and offline."""
    asked = os.environ.get("WANDB_MODE")
    if asked:
        return _OTHER_NAMES.get(asked, asked)
    offline = os.environ.get("WANDB_OFFLINE")
    if offline:
        return "online" if offline.lower() in ("false", "0", "no") else "offline"
    settings = wandb.setup().settings
    if settings.mode != "online":
        return _OTHER_NAMES.get(settings.mode, settings.mode)
    return "online" if settings.api_key or has_key(settings.base_url) else "offline"


def has_key(url: str) -> bool:
    """Whether W&B will find a key for a server: in the environment, or in the file that `wandb login` writes."""
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    named = os.environ.get("NETRC")
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 Path.home() raises where there is none
    places = [Path(os.path.expanduser(named))] if named else [home / ".netrc", home / "_netrc"]  # noqa: PTH111 as above
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        return False
    try:
        return netrc.netrc(file).authenticators(urlsplit(url).hostname or "") is not None
    except (netrc.NetrcParseError, OSError):
        return False
