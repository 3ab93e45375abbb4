"""Whether wrong answers are mended by taking from the model what their algorithm reads."""
