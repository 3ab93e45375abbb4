"""Finished studies as a few small pages, to be committed: what was found, and some examples."""
