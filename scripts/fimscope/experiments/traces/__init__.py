"""What every token of a prompt carries at every point: patched between aligned prompts."""
