"""Language models: where they come from, how they are loaded, where their places are."""
