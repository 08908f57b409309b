"""What loggers hear of a run, and all that touches W&B."""
