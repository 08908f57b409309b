"""Metrics of image quality, each beside its definition."""
