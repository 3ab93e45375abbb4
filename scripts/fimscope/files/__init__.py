"""To disk and back: tables, activations and manifests that are whole or not there."""
