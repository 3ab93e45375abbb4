"""What a run says to whoever began it: why not, how far it is, what it has found."""
