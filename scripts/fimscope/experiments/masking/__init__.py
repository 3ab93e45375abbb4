"""What hiding distractors does."""
