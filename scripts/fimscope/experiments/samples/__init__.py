"""Whether the right type is among many samples."""
