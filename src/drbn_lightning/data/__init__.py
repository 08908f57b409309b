"""Images in: pairs, scenes, the low-light camera, the cache and the LightningDataModules."""
