"""Image files in and out, for training, evaluation and enhancing alike."""
