"""What the model would say if the stream ended at each point."""
