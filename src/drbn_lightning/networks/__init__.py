"""Networks in plain torch, free of Lightning and Hydra."""
