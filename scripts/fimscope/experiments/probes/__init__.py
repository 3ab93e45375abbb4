"""Whether the gold can be read linearly off the stream where the answer is wrong."""
