"""Networks on disk: our format, official weights, those of the package, and all that enhances."""
