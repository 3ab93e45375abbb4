"""The edges that bring right answers and wrong ones, and whether they are the same."""
