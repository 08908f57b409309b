"""Pairs of a low-light image and its normal-light target, whatever they come from."""
