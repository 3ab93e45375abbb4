"""Forwards in which something is changed: patches, additions, hidden tokens."""
