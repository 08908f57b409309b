"""Shipped configuration; a package, so that Hydra finds it wherever the wheel is installed."""
