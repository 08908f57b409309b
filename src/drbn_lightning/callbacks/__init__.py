"""What happens beside training: images, checkpoints, publishing, loggers."""
