"""What frames a step: its command line, its log, its seeds, the files that it is made of."""
