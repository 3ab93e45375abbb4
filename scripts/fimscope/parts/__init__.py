"""Finished work of a step, kept so that a run can go on where it stopped."""
