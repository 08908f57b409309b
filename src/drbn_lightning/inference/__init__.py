"""Running a trained network on pictures."""
