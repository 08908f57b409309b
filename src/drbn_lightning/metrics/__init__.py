"""Measures of quality; this package says how each is defined."""
