"""The heavy half of the entry points of the same names: what they do once there is work."""
