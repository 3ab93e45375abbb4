"""Patches at other tokens than the last, at sets of them, over windows of points."""
