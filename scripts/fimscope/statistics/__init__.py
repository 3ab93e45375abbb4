"""Rates, differences and tests in which the program is the unit of inference."""
