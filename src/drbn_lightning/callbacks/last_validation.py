"""A validation of the weights that a run ends with."""

import pytorch_lightning as pl


class LastValidation(pl.Callback):
    """Has a run validate after its very last step, wherever in an epoch that is and however rare validations are.

    NOTE: Lightning validates by `check_val_every_n_epoch` and `val_check_interval` alone. A run of so many steps ends
    without, so that what a cool-down has made of the weights could not become the best checkpoint.
    """

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: object, batch: object, batch_idx: int
    ) -> None:
        """Make the next check for a validation come out true after the last step."""
        by_steps = 0 <= trainer.max_steps <= trainer.global_step
        by_epochs = trainer.is_last_batch and trainer.current_epoch + 1 == trainer.max_epochs
        if by_steps or by_epochs:
            trainer.check_val_every_n_epoch, trainer.val_check_batch = 1, batch_idx + 1
