"""Vectors that are added to the residual stream to turn wrong answers right."""
