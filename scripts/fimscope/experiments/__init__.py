"""One room for each experiment: its tables, its numbers, its section of the report."""
