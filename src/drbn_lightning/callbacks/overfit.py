"""For debugging: the same batch in every step."""

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from drbn_lightning.errors import DRBNError


class OneBatch(Callback):
    """Keeps the loader of the training samples in its first epoch, so that its first batch comes in every step.

    For `trainer.limit_train_batches=1`. Whatever a sample draws follows from seed, epoch and index,
    so the batch is the same to the last bit.
    """

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Hold the epoch.

        Raises:
            DRBNError: an epoch has more than one batch, or the loader is not one of this package.
        """
        if trainer.num_training_batches != 1:
            raise DRBNError(
                f"{trainer.num_training_batches} batches an epoch: set trainer.limit_train_batches=1 as well"
            )
        batches = getattr(trainer.train_dataloader, "batches", None)
        if batches is None:
            raise DRBNError("debug=overfit works with data modules of this package only; leave out callbacks.one_batch")
        batches.hold()
