"""Whose activation goes where, and what the model then says."""
