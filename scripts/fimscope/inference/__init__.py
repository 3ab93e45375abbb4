"""What the unchanged model says, and what is read of it on the way."""
