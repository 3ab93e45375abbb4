"""What the steps of the pipeline share: one small module per subject."""

__version__ = "0.1.0"
