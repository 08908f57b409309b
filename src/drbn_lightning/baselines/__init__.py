"""Classical methods to compare with, which have learned nothing."""
