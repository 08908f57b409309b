"""What a checkpoint says of itself, and the artifact that a finished run leaves."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback, ModelCheckpoint

from drbn_lightning.callbacks.checkpoints import ResumePoint
from drbn_lightning.checkpoints.artifact import HEADER, publish


class Publisher(Callback):
    """Puts the header into every checkpoint, and publishes the best network as `<stage>.pt` when training ends."""

    def __init__(self, artifact: Path, make_header: Callable[[], dict[str, Any]]) -> None:
        """Set up the callback.

        Args:
            artifact: the file to publish to.
            make_header: makes the header of `checkpoints.artifact`; called when the data are known.
        """
        self.artifact = artifact
        self.make_header = make_header

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Add the header, with the step and the figures so far."""
        header = self.make_header()
        figures = {name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("val/")}
        header["provenance"] |= {"steps": trainer.global_step, "epochs": trainer.current_epoch, "figures": figures}
        checkpoint[HEADER] = header

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Publish the best checkpoint, or the last one where there was no validation, from one process."""
        best = next((c.best_model_path for c in trainer.checkpoint_callbacks if isinstance(c, ModelCheckpoint)), "")
        last = next((c.path for c in trainer.checkpoint_callbacks if isinstance(c, ResumePoint)), None)
        source = Path(best) if best else last
        if trainer.is_global_zero and source is not None and source.exists():
            publish(source, self.artifact)
