"""LightningModules, one for each stage of training."""
