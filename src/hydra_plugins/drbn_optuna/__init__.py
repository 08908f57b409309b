"""Hydra's sweeper `optuna`: Hydra looks for plugins in this namespace only."""
