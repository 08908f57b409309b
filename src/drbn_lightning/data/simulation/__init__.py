"""The low-light camera, synthetic scenes and degradations."""
