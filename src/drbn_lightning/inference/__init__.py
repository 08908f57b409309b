"""Running a trained network on images."""
