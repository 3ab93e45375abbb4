"""What solved examples in front of the prompt do."""
