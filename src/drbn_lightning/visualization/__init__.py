"""Panels, strips and the paper's figures."""
