"""What happens beside training: pictures, checkpoints, publishing, loggers."""
