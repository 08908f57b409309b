"""Pictures of every validation, on disk and in the loggers: input, three bands, result, target."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import TensorBoardLogger, WandbLogger

from drbn_lightning.bands import Bands
from drbn_lightning.batches import PairBatch
from drbn_lightning.image_files import write_png
from drbn_lightning.inference.panels import panels, strip


class ValidationPictures(Callback):
    """Writes the first few validation pictures of every validation."""

    def __init__(self, folder: str, count: int = 4) -> None:
        """Set up the callback.

        Args:
            folder: where `epoch_NNN/NAME.png` go.
            count: number of pictures.
        """
        self.folder, self.count = Path(folder), count
        self._shown = 0

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Count anew."""
        self._shown = 0

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,  # noqa: ANN401 whatever the stage returns
        batch: PairBatch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Write and log the pictures of a batch while there are too few, from one process."""
        if (
            not isinstance(outputs, Mapping)
            or "bands" not in outputs
            or trainer.sanity_checking
            or not trainer.is_global_zero
        ):
            return
        for row in range(min(len(batch.low), self.count - self._shown)):
            own = Bands(*(band[row : row + 1] for band in outputs["bands"]))
            self._write(trainer, batch.name[row], strip(panels(batch.low[row], own, batch.normal[row])))
            self._shown += 1

    def _write(self, trainer: pl.Trainer, name: str, picture: np.ndarray) -> None:
        write_png(self.folder / f"epoch_{trainer.current_epoch + 1:03d}" / f"{Path(name).stem}.png", picture)
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_image(f"val/{name}", picture, trainer.global_step, dataformats="HWC")
            elif isinstance(logger, WandbLogger):
                logger.log_image(f"val/{name}", [picture], step=trainer.global_step)
