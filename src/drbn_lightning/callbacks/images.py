"""Images of every validation, on disk and in the loggers: input, bands, weight maps, results, target."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
from numpy.typing import NDArray
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import TensorBoardLogger, WandbLogger

from drbn_lightning.bands import Bands, ResidualBands
from drbn_lightning.batches import PairBatch, PhotoBatch
from drbn_lightning.images.folders import unused
from drbn_lightning.images.rgb import write_png
from drbn_lightning.tracking.charts import image_key
from drbn_lightning.visualization.panels import panels, sheet, stage2_panels, strip


class ValidationImages(Callback):
    """Writes the first few images of every validation, and of each of its loaders where there are several.

    A stage returns from its validation step what there is to see: `bands`, and in stage 2 also
    `recomposition_weights`, `recomposed` and, where it is true, `chained`. What returns no bands shows no images.
    """

    def __init__(self, folder: str, count: int = 4) -> None:
        """Set up the callback.

        Args:
            folder: where `epoch_NNN/NAME.png` go; `epoch_NNN/pairs/NAME.png` and `epoch_NNN/photos/NAME.png` where
                there is more than one validation loader.
            count: number of images of each loader.
        """
        self.folder, self.count = Path(folder), count
        self._shown, self._labels = Counter[int](), set[str]()

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Count anew."""
        self._shown.clear()
        self._labels.clear()

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,  # noqa: ANN401 whatever the stage returns
        batch: PairBatch | PhotoBatch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Write and log the images of a batch while there are too few, from one process."""
        if (
            not isinstance(outputs, Mapping)
            or "bands" not in outputs
            or trainer.sanity_checking
            or not trainer.is_global_zero
        ):
            return
        several = len(trainer.num_val_batches) > 1
        folder = ("photos/" if isinstance(batch, PhotoBatch) else "pairs/") if several else ""
        for row in range(min(len(batch.name), self.count - self._shown[dataloader_idx])):
            label = folder + unused(batch.name[row], folder, self._labels)
            self._shown[dataloader_idx] += 1
            key = image_key(folder, self._shown[dataloader_idx])
            self._write(trainer, label, key, drawn(outputs, batch, row))

    def _write(self, trainer: pl.Trainer, label: str, key: str, image: NDArray[np.uint8]) -> None:
        write_png(self.folder / f"epoch_{trainer.current_epoch + 1:03d}" / f"{label}.png", image)
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_image(f"val/{label}", image, trainer.global_step, dataformats="HWC")
            elif isinstance(logger, WandbLogger):
                logger.log_image(key, [image], step=trainer.global_step, caption=[label])


def drawn(outputs: Mapping[str, Any], batch: PairBatch | PhotoBatch, row: int) -> NDArray[np.uint8]:
    """All there is to see of one row of a batch: a strip for stage 1, two rows for stage 2."""
    low, normal = (batch.photo[row], None) if isinstance(batch, PhotoBatch) else (batch.low[row], batch.normal[row])
    bands, chained = Bands(*(band[row : row + 1] for band in outputs["bands"])), outputs.get("chained", False)
    if "recomposed" not in outputs:
        return strip(panels(low, bands, normal, chained=chained))
    maps = ResidualBands(*(weight[row : row + 1] for weight in outputs["recomposition_weights"]))
    return sheet(stage2_panels(low, bands, maps, outputs["recomposed"][row], normal, chained=chained))
