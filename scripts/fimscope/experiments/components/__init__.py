"""Patches of the parts of blocks: attention, MLPs, single heads."""
