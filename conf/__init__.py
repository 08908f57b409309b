"""The configuration of the package; a package, so that Hydra finds it wherever the wheel is installed."""
